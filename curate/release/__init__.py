"""A dataset that others can check and rebuild: `curate release build` packs the kept scenes under a version."""
