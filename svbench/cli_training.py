"""The commands that train: `train`, `loss-over-time`, `train-systems`. No logic of their own.

As in `svbench.cli`, every import that costs time stands inside the command that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from svbench.errors import ConfigError, StoppedError

Progress = Callable[[], AbstractContextManager[Any]]

Dataset = Annotated[str, typer.Option(help="The data set: greatesthits.")]
Scale = Annotated[str, typer.Option(help="mini (drawn data, a laptop) or paper.")]
Mixer = Annotated[str, typer.Option(help="cmc-pe, cross-attention or cross-attention-sequence.")]
Base = Annotated[
    list[str] | None,
    typer.Option(help="audio=, video=, motion= FOLDER; default: the paper's, from hub cache."),
]
DataRoot = Annotated[
    Path | None, typer.Option(help="Folder of the real data set.", envvar="SVBENCH_DATA")
]
Captions = Annotated[Path | None, typer.Option(help="Caption list (CSV: file, text).")]
Limit = Annotated[int | None, typer.Option(help="Read only the first so many clips.")]
Cpu = Annotated[bool, typer.Option("--cpu", help="Leave GPUs alone.")]


def register(
    app: typer.Typer, progress: Progress, names: Callable[[str | None], tuple[str, ...]]
) -> None:
    """Add the commands of this file, with the command line's bars and its way to read a list."""

    @app.command()
    def train(
        dataset: Dataset,
        out: Annotated[Path, typer.Option(help="The training's folder; the same command resumes.")],
        mixer: Mixer = "cmc-pe",
        scale: Scale = "mini",
        base: Base = None,
        data_root: DataRoot = None,
        captions: Captions = None,
        limit: Limit = None,
        steps: Annotated[int | None, typer.Option(help="Default: as the scale has it.")] = None,
        batch: Annotated[int | None, typer.Option(help="Clips a step, all processes.")] = None,
        at_once: Annotated[int | None, typer.Option(help="Clips a process takes at once.")] = None,
        trainable: Annotated[
            str | None, typer.Option(help="paper, joint, all, audio or video.")
        ] = None,
        timesteps: Annotated[str | None, typer.Option(help="independent or shared.")] = None,
        self_conditioning: Annotated[float | None, typer.Option(help="Share of guesses.")] = None,
        caption_drop: Annotated[float | None, typer.Option(help="Share of captions.")] = None,
        rate: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
        warm_up: Annotated[int | None, typer.Option(help="Steps of a rising rate.")] = None,
        cosine: Annotated[bool | None, typer.Option(help="Let the rate fall to 0.")] = None,
        weight_decay: Annotated[float | None, typer.Option(help="Of AdamW.")] = None,
        clip: Annotated[float | None, typer.Option(help="Longest gradient.")] = None,
        ema_decay: Annotated[float | None, typer.Option(help="Of the averaged weights.")] = None,
        precision: Annotated[str | None, typer.Option(help="no, bf16 or fp16.")] = None,
        checkpointing: Annotated[bool | None, typer.Option(help="Time for memory.")] = None,
        save_every: Annotated[int | None, typer.Option(help="Steps.")] = None,
        preview_every: Annotated[int | None, typer.Option(help="Steps; 0: never.")] = None,
        seed: Annotated[int | None, typer.Option(help="Decides everything drawn.")] = None,
        cpu: Cpu = False,
    ) -> None:
        """Train connectors, mixers and motion modules; on many GPUs: accelerate launch -m svbench.

        Example: svbench train --dataset greatesthits --out runs/my-model
        """
        given = {name: value for name, value in locals().items() if name in _SETTINGS}
        from svbench.train import train as learn
        from svbench.training_plans import plan_training

        told = (dataset, scale, mixer, base or [], data_root, captions, limit, given, out)
        with stoppable(), progress() as bars:
            result = learn(plan_training(*told, cpu=cpu), out, bars, typer.echo, cpu=cpu)
        typer.echo(f"joint weights: {result}   losses: {out / 'loss.csv'}")

    @app.command("loss-over-time")
    def loss_over_time(
        dataset: Dataset,
        joint: Annotated[Path, typer.Argument(help="Folder of joint weights, as trained.")],
        out: Annotated[Path, typer.Option(help="Folder for the picture and the numbers.")],
        scale: Scale = "mini",
        base: Base = None,
        data_root: DataRoot = None,
        captions: Captions = None,
        gamma: Annotated[float, typer.Option(help="Of the second panel.")] = 1.5,
        levels: Annotated[int, typer.Option(help="Global times looked at.")] = 20,
        clips: Annotated[int, typer.Option(help="Training clips; more, less scatter.")] = 16,
        cpu: Cpu = False,
    ) -> None:
        """Draw the loss over time steps, without and with adjustment (the paper's Figure 2).

        Example: svbench loss-over-time --dataset greatesthits --out fig2 runs/my-model/joint
        """
        from svbench.training_plans import draw_loss

        told = (dataset, scale, joint, base or [], data_root, captions, gamma, levels, clips, out)
        with stoppable(), progress() as bars:
            typer.echo(f"loss over time steps: {draw_loss(*told, bars, cpu=cpu)}")

    @app.command("train-systems")
    def train_systems(
        out: Annotated[Path, typer.Option(help="Folder; the weights come to OUT/weights.")],
        dataset: Annotated[
            str, typer.Option(help="greatesthits, landscape or vggsound, drawn.")
        ] = "greatesthits",
        mixers: Annotated[
            str, typer.Option(help="Comma-separated; default: all for greatesthits, else cmc-pe.")
        ] = "",
        base_audio_steps: Annotated[int | None, typer.Option(help="Of the sound alone.")] = None,
        base_video_steps: Annotated[int | None, typer.Option(help="Of the video alone.")] = None,
        steps: Annotated[int | None, typer.Option(help="Of each joint model.")] = None,
        clips: Annotated[int | None, typer.Option(help="Drawn clips to learn from.")] = None,
        seed: Annotated[int | None, typer.Option(help="Decides clips and base models.")] = None,
        clearer: Annotated[
            float | None, typer.Option(help="Let the video settle earlier: its signal over noise.")
        ] = None,
        share: Annotated[
            float, typer.Option(help="Take this share of all steps; 0.02 shows that it works.")
        ] = 1.0,
        seeds: Annotated[str, typer.Option(help="Of the joint trainings, comma-separated.")] = "0",
        workers: Annotated[int, typer.Option(help="Trainings at once.")] = 1,
    ) -> None:
        """Train the miniature's systems from nothing; the same command goes on.

        Example: svbench train-systems --out runs/systems
        """
        from svbench import train_systems as systems
        from svbench.baselines.mixers import mixer_kind

        wanted = [mixer_kind(name) for name in names(mixers)]
        course = systems.changed(
            dataset=dataset,
            base_audio_steps=base_audio_steps,
            base_video_steps=base_video_steps,
            joint_steps=steps,
            clips=clips,
            seed=seed,
            clearer=clearer,
        )
        usual = systems.MIXERS if dataset == "greatesthits" else systems.MIXERS[:1]
        told = (out, wanted or usual, systems.shortened(course, share))
        with stoppable(), progress() as bars:
            systems.train(*told, bars, typer.echo, seeds=_numbers(seeds), workers=workers)
        typer.echo(f"weights: {out / 'weights'}")


def _numbers(text: str) -> list[int]:
    """Read a list of seeds."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdecimal() for word in words):
        raise ConfigError(f"--seeds: found {text!r}, expected whole numbers such as 0,1,2")
    return [int(word) for word in words]


_SETTINGS = (
    "steps", "batch", "at_once", "trainable", "timesteps", "self_conditioning", "caption_drop",
    "rate", "warm_up", "cosine", "weight_decay", "clip", "ema_decay", "precision",
    "checkpointing", "save_every", "preview_every", "seed",
)  # fmt: skip


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn Ctrl-C into the exit code of a stop that can be resumed."""
    try:
        yield
    except KeyboardInterrupt as error:  # caught here, for Typer would leave with 130
        raise StoppedError("interrupted; the same command goes on from here") from error
