"""`train evaluate`: how well pictures are derained, by named protocols.

`run` goes from pictures to scores: read it first. `pairs` and `layouts` find rainy pictures and their clean ones in folders
(`picture_files` reads them), `truths` those of simulated scenes, `outputs` what other methods made of them. `scoring` measures one
picture, `results` keeps rows and `summaries` sums them up, `worst` draws the worst. `real_rain` needs no clean picture.
"""

from train.evaluate.run import evaluate

__all__ = ["evaluate"]
