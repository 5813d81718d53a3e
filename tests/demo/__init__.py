"""The whole chain on simulated footage, as a stranger would run it: `make demo`. The commands are the product's own, run as programs."""
