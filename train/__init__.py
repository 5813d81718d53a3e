"""Third stage: `scenes.parquet` → a deraining network, trained without a clean picture → its scores and what it derains."""
