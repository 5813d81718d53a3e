"""`curate report`: one page of pictures that shows what a workspace kept, what it rejected and why."""
