"""What is measured in seconds: run by `make bench`, never collected by the tests. Figures are ratios against a peer of the same run."""
