"""Footage from YouTube, and by direct links from elsewhere, through yt-dlp.

from acquire.youtube import YoutubeSettings, youtube

youtube(Path("urls.txt"), YoutubeSettings(), Workspace(Path()))
"""

from acquire.youtube.batch import youtube
from acquire.youtube.preview import preview
from acquire.youtube.settings import YoutubeSettings

__all__ = ["YoutubeSettings", "preview", "youtube"]
