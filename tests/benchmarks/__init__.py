"""What is measured rather than tested (`make bench`): accuracy on labelled cases, and costs as ratios against a peer of the same run."""
