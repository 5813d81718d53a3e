"""Footage from one's own camera: a card or folder of videos, or of stills shot as a time-lapse.

from acquire.tripod import TripodSettings, tripod

tripod([Path("/media/card")], TripodSettings(), Workspace(Path()), workers=2)
"""

from acquire.tripod.ingest import TripodSettings, found_footage, tripod

__all__ = ["TripodSettings", "found_footage", "tripod"]
