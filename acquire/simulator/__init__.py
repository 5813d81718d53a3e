"""A small world with known rain, background and camera: clips as files and rows like those of any other source, and their truth.

One clip, rendered to a file, or frame by frame without a codec:

    from dataclasses import replace

    from acquire.simulator.render import render_clip, render_frames
    from acquire.simulator.specification import CameraMove, ClipSpecification, Event, RainSpecification

    rain = RainSpecification(orientation_deg=100, length_px=20, width_px=1.5, density=0.1, brightness=80)
    clip = ClipSpecification(name="yard", seed=7, width=160, height=120, frames=40, background="rocket", rain=rain)
    truth = render_clip(clip, folder / "yard.mp4", clean_path=folder / "yard.png")
    for frame in render_frames(clip):
        frame.picture, frame.clean, frame.rain, frame.pts_s

    still = replace(clip, rain=None, events=(Event("frozen"),))
    handheld = replace(clip, camera=CameraMove("shake", amount=6))
    phone = replace(clip, variable_frame_rate=True, rotation_deg=90, camera=CameraMove("bump", amount=3, frame=30))

A clip is a function of its specification alone. From a scene to a file the modules follow the light: `backgrounds` and `procedural` →
`shots` (with `scenery`) → `camera` → `light` → `rain` (with `streaks`) → `glass` → noise → `editing` → `encode` or `stills`, put together
in `render` and told in `truth`. `world` chooses the clips of `acquire simulate`, which `simulate` renders.
"""
