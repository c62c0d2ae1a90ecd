"""The commands that train: `train`, `loss-over-time`, `train-systems`. No logic of their own.

As in `svbench.cli.app`, every import that costs time stands inside the command that needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from svbench.cli import common as options
from svbench.cli.progress import progress_bars
from svbench.limits import COUNT, TRAINING

Dataset = Annotated[str, typer.Option(help="greatesthits, landscape or vggsound.")]
Scale = Annotated[str, typer.Option(help="mini (drawn data, a laptop) or paper.")]
Mixer = Annotated[str, typer.Option(help="cmc-pe, cross-attention or cross-attention-sequence.")]
Base = Annotated[
    list[str] | None,
    typer.Option(
        help="audio=, video=, motion= FOLDER; default: the paper's, from hub cache.",
        parser=options.read_word,
    ),
]
Cpu = Annotated[bool, typer.Option("--cpu", help="Leave GPUs alone.")]


def _number(setting: str, about: str) -> Any:
    return options.number(setting, about, TRAINING[setting])


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""

    @app.command()
    def train(
        context: typer.Context,
        dataset: Dataset,
        out: Annotated[
            Path, options.path_option("The training's folder; the same command resumes.")
        ],
        mixer: Mixer = "cmc-pe",
        scale: Scale = "mini",
        base: Base = None,
        data_root: options.DataRoot = None,
        captions: options.Captions = None,
        limit: options.Limit = None,
        preset: Annotated[
            str | None,
            typer.Option(
                help="paper or official-code; default: paper at --scale paper, at mini the "
                "miniature's own settings. Options beside it win."
            ),
        ] = None,
        epochs: Annotated[
            int | None,
            options.number(
                "epochs", "Times every clip is seen; default: the preset's for the data set.", COUNT
            ),
        ] = None,
        steps: Annotated[int | None, _number("steps", "In place of --epochs.")] = None,
        batch: Annotated[int | None, _number("batch", "Clips a step, all processes.")] = None,
        at_once: Annotated[
            int | None, _number("at_once", "Clips a process takes at once; divides --batch.")
        ] = None,
        trainable: Annotated[
            str | None, typer.Option(help="paper, joint, all, audio or video.")
        ] = None,
        timesteps: Annotated[str | None, typer.Option(help="independent or shared.")] = None,
        self_conditioning: Annotated[
            float | None, _number("self_conditioning", "Share of guesses.")
        ] = None,
        caption_drop: Annotated[float | None, _number("caption_drop", "Share of captions.")] = None,
        optimizer: Annotated[str | None, typer.Option(help="adam or adamw.")] = None,
        rate: Annotated[float | None, _number("rate", "Learning rate.")] = None,
        warm_up: Annotated[int | None, _number("warm_up", "Steps of a rising rate.")] = None,
        cosine: Annotated[bool | None, typer.Option(help="Let the rate fall to 0.")] = None,
        weight_decay: Annotated[
            float | None, _number("weight_decay", "Decoupled (adamw), or L2 (adam).")
        ] = None,
        clip: Annotated[float | None, _number("clip", "Longest gradient.")] = None,
        ema_decay: Annotated[float | None, _number("ema_decay", "Of averaged weights.")] = None,
        ema_of: Annotated[
            str | None, typer.Option(help="What is averaged: trained (all of it) or joint.")
        ] = None,
        precision: Annotated[str | None, typer.Option(help="no, bf16 or fp16.")] = None,
        checkpointing: Annotated[bool | None, typer.Option(help="Time for memory.")] = None,
        save_every: Annotated[int | None, _number("save_every", "Steps.")] = None,
        preview_every: Annotated[int | None, _number("preview_every", "Steps; 0: never.")] = None,
        seed: Annotated[int | None, _number("seed", "Decides everything drawn.")] = None,
        cpu: Cpu = False,
    ) -> None:
        """Train connectors, mixers and motion modules; on many GPUs: accelerate launch -m svbench.

        Data sets: greatesthits, landscape and vggsound, real (--scale paper) or drawn (mini).

        Example: svbench train --dataset greatesthits --out runs/my-model
        """
        given = {name: value for name, value in locals().items() if name in _SETTINGS}
        options.check_folder(out)
        from svbench.training.joint import train as train_joint
        from svbench.training.plans import TrainConfig, plan_training

        config = TrainConfig(
            dataset=dataset,
            scale=scale,
            mixer=mixer,
            bases=base or (),
            data_root=options.data_root(context, scale, data_root),
            captions=captions,
            limit=limit,
            preset=preset,
            epochs=epochs,
            settings=given,
            cpu=cpu,
        )
        with progress_bars() as bars:
            training = plan_training(config, out)
            result = train_joint(training, out, bars, typer.echo, cpu=cpu)
        typer.echo(f"joint weights: {result}   losses: {out / 'loss.csv'}")

    @app.command("loss-over-time")
    def loss_over_time(
        context: typer.Context,
        dataset: Dataset,
        joint: Annotated[Path, options.path_argument("Folder of joint weights, as trained.")],
        out: Annotated[Path, options.path_option("Folder for the picture and the numbers.")],
        scale: Scale = "mini",
        base: Base = None,
        data_root: options.DataRoot = None,
        captions: options.Captions = None,
        gamma: Annotated[float, options.number("gamma", "Of the second panel.")] = 1.5,
        levels: Annotated[int, options.number("levels", "Global times looked at.")] = 20,
        clips: Annotated[int, options.number("limit", "Training clips; more, less scatter.")] = 16,
        cpu: Cpu = False,
    ) -> None:
        """Draw the loss over time steps, without and with adjustment (the paper's Figure 2).

        Example: svbench loss-over-time --dataset greatesthits --out fig2 runs/my-model/joint
        """
        from svbench.reports.figures.loss_curves import LossCurves, draw
        from svbench.training.loss_over_time import loss_curves
        from svbench.training.plans import TrainConfig

        options.check_folder(out)
        config = TrainConfig(
            dataset=dataset,
            scale=scale,
            bases=base or (),
            data_root=options.data_root(context, scale, data_root),
            captions=captions,
            cpu=cpu,
        )
        with progress_bars() as bars:
            curves = loss_curves(config, joint, out, bars, gamma=gamma, levels=levels, clips=clips)
        picture = out / "loss-over-time.svg"
        draw([LossCurves(c.title, c.times, c.audio, c.video) for c in curves], picture)
        typer.echo(f"loss over time steps: {picture}")

    @app.command("train-systems")
    def train_systems(
        out: Annotated[Path, options.path_option("Folder; the weights come to OUT/weights.")],
        dataset: Annotated[
            str, typer.Option(help="greatesthits, landscape or vggsound, drawn.")
        ] = "greatesthits",
        mixers: Annotated[
            str | None,
            typer.Option(help="Comma-separated; default: all for greatesthits, else cmc-pe."),
        ] = None,
        base_audio_steps: Annotated[
            int | None, options.number("base_audio_steps", "Of the sound alone.", COUNT)
        ] = None,
        base_video_steps: Annotated[
            int | None, options.number("base_video_steps", "Of the video alone.", COUNT)
        ] = None,
        steps: Annotated[int | None, _number("steps", "Of each joint model.")] = None,
        clips: Annotated[int | None, options.number("limit", "Drawn clips to learn from.")] = None,
        seed: Annotated[int | None, _number("seed", "Decides clips and base models.")] = None,
        clearer: Annotated[
            float | None,
            options.number("clearer", "Let the video settle earlier: its signal over noise."),
        ] = None,
        share: Annotated[
            float,
            options.number("share", "Take this share of all steps; 0.02 shows that it works."),
        ] = 1.0,
        seeds: Annotated[str, typer.Option(help="Of the joint trainings, comma-separated.")] = "0",
        workers: Annotated[int, options.number("workers", "Trainings at once.")] = 1,
    ) -> None:
        """Train the miniature's systems from nothing; the same command goes on.

        Codecs, text encoder, base models and joint models of one drawn data set: greatesthits,
        landscape or vggsound.

        Example: svbench train-systems --out runs/systems
        """
        wanted, drawn_from = options.names("--mixers", mixers), options.seeds(seeds)
        options.check_folder(out)
        from svbench.training.miniature import systems
        from svbench.training.miniature.recipes import SystemsRecipe

        kinds = systems.mixer_kinds(wanted, dataset)
        recipe = SystemsRecipe.of(
            dataset=dataset,
            base_audio_steps=base_audio_steps,
            base_video_steps=base_video_steps,
            joint_steps=steps,
            clips=clips,
            seed=seed,
            clearer=clearer,
        ).shortened(share)
        with progress_bars() as bars:
            systems.train(out, kinds, recipe, bars, typer.echo, seeds=drawn_from, workers=workers)
        typer.echo(f"weights: {out / 'weights'}")


_SETTINGS = (
    "steps", "batch", "at_once", "trainable", "timesteps", "self_conditioning", "caption_drop",
    "optimizer", "rate", "warm_up", "cosine", "weight_decay", "clip", "ema_decay", "ema_of",
    "precision", "checkpointing", "save_every", "preview_every", "seed",
)  # fmt: skip
