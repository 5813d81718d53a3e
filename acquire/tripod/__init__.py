"""Footage from one's own camera: a card or folder of videos, of stills shot as a time-lapse, or of frames.

from acquire.tripod import TripodSettings, tripod

tripod([Path("/media/card")], TripodSettings(), Workspace(Path()), workers=2)
"""

from acquire.tripod.batch import found_footage, tripod
from acquire.tripod.settings import TripodSettings

__all__ = ["TripodSettings", "found_footage", "tripod"]
