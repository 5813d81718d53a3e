"""Rain out of the user's own pictures and videos with a trained network; all else in the files stays as it is.

    from train.derain import derain, derain_picture

    derain(Path("checkpoint.safetensors"), [Path("photos"), Path("clip.mp4")], Path("derained"), stabilise=True)
    picture = derain_picture(network, rainy)

`plan` settles which file becomes which, `run` goes through them; `streaks` has the network at work; `photos` (with `tiff`) and `videos`
(with `luma_planes`, `video_writer`, `ahead`, and `stabilise` and `flicker`) know the files.
"""

from train.derain.plan import plan
from train.derain.run import derain
from train.derain.streaks import derain_picture

__all__ = ["derain", "derain_picture", "plan"]
