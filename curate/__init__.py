"""Second stage: `footage.parquet` → static segments, their rain, scenes of 30 frames → `scenes.parquet`, and its release."""
