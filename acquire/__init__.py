"""First stage: footage from YouTube, a tripod's card or the simulator → `footage.parquet`."""
