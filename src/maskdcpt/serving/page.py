"""The page for people: drop photos, see what damaged them, compare before and after, download."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import gradio as gr

from maskdcpt.data.labels import class_title
from maskdcpt.serving.limits import Limits
from maskdcpt.serving.photos import Darkroom, Photo
from maskdcpt.serving.refusal import Refusal

BEAT = 1.0
"""Seconds between signs of life, at which it is also noticed that a visitor has gone."""
TYPES_SHOWN = 5
"""Types of damage that are shown, the most probable ones."""

THEME = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
"""Fonts of the visitor's machine: none is fetched."""

CSS = """
.gradio-container { max-width: 1200px !important; margin: 0 auto; }
footer { display: none !important; }
"""


def make_page(darkroom: Darkroom, limits: Limits, names_damage: bool) -> gr.Blocks:
    """Makes the page.

    Args:
        darkroom: What restores.
        limits: Number and size of photos, told to visitors.
        names_damage: Whether the weights can name what has damaged a photo.
    """
    with gr.Blocks(title="maskdcpt", analytics_enabled=False) as page:
        photos = gr.State([])
        gr.Markdown(
            "# Restore photos\n"
            f"Drop up to {limits.max_files} photos of at most {limits.max_mib:g} MiB and {limits.max_megapixels:g} "
            f"megapixels. They stay on this server for {limits.keep_minutes:g} minutes."
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                files = gr.File(file_count="multiple", label="Photos", height=180, elem_id="photos")
                strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", info="0 leaves photos as they are")
                again = gr.Button("Restore again", interactive=False, elem_id="again")
                status = gr.Markdown(elem_id="status")
            with gr.Column(scale=5, min_width=300):
                choice = gr.Dropdown(label="Photo", visible=False, interactive=True, elem_id="choice")
                slider = gr.ImageSlider(
                    label="Before and after",
                    interactive=False,
                    max_height=640,
                    buttons=["fullscreen"],
                    elem_id="slider",
                )
                with gr.Row():
                    one = gr.DownloadButton("Download", visible=False, variant="primary", elem_id="download")
                    every = gr.DownloadButton("Download all", visible=False, elem_id="download-all")
                remarks = gr.Markdown(elem_id="remarks")
                notes = gr.Markdown(elem_id="notes")
                damage = gr.Label(
                    label="Damage found", num_top_classes=TYPES_SHOWN, visible=names_damage, elem_id="damage"
                )

        def shown(photo: Photo) -> dict[Any, Any]:
            return {
                slider: (str(photo.before), str(photo.after)),
                damage: photo.verdict and {class_title(name): share for name, share in photo.verdict["types"].items()},
                remarks: "\n\n".join(photo.remarks),
                notes: _list(photo.notes),
                one: gr.DownloadButton(value=str(photo.file), visible=True),
            }

        async def restore(paths: list[str] | None, amount: float) -> AsyncIterator[dict[Any, Any]]:
            queue = list(paths or [])[: limits.max_files]
            done: list[Photo] = []
            failures: list[str] = []
            if paths and len(paths) > len(queue):
                failures.append(f"Only the first {limits.max_files} photos are restored at once.")
            yield {
                photos: [],
                again: gr.Button(interactive=False),
                choice: gr.Dropdown(choices=[], value=None, visible=False),
                slider: None,
                damage: None,
                remarks: "",
                notes: "",
                one: gr.DownloadButton(visible=False),
                every: gr.DownloadButton(visible=False),
            }
            for number, path in enumerate(queue, 1):
                working = asyncio.create_task(darkroom.restore(path, amount))
                try:
                    while not working.done():
                        yield {status: f"Restoring photo {number} of {len(queue)} ...\n\n{_list(failures)}"}
                        await asyncio.wait({working}, timeout=BEAT)
                    done.append(working.result())
                except Refusal as refusal:
                    failures.append(refusal.message)
                    continue
                finally:
                    working.cancel()  # which does nothing unless the visitor has gone
                if len(done) == 1:
                    yield shown(done[0])
            packed = None
            if len(done) > 1:
                try:
                    packed = str(await darkroom.pack(done))
                except Refusal as refusal:
                    failures.append(f"Photos can be downloaded one by one alone: {refusal.message}.")
            yield {
                **(shown(done[0]) if done else {}),  # once more: of updates that follow fast, browsers may lose one
                photos: done,
                again: gr.Button(interactive=bool(queue)),
                status: f"{len(done)} of {len(queue)} photos restored.\n\n{_list(failures)}" if queue else "",
                choice: gr.Dropdown(choices=_choices(done), value=0 if done else None, visible=len(done) > 1),
                every: gr.DownloadButton(value=packed, visible=packed is not None),
            }

        def choose(kept: list[Photo], number: int | None) -> dict[Any, Any]:
            if number is None or number >= len(kept):
                return {notes: gr.Markdown()}  # the list is being made anew
            if not kept[number].file.is_file():
                return {notes: _list([f"{kept[number].name}: is no longer kept here; drop it once more"])}
            return shown(kept[number])

        everything = [photos, again, status, choice, slider, damage, remarks, notes, one, every]
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        gr.on(
            [files.upload, files.clear, again.click],
            restore,
            [files, strength],
            everything,
            concurrency_limit=None,
            trigger_mode="always_last",
            **private,
        )
        choice.input(choose, [photos, choice], [slider, damage, remarks, notes, one], concurrency_limit=None, **private)
    page.queue(max_size=limits.places, api_open=False)
    return page


def _choices(photos: Sequence[Photo]) -> list[tuple[str, int]]:
    return [(f"{number}. {photo.name}", number - 1) for number, photo in enumerate(photos, 1)]


def _list(lines: Sequence[str]) -> str:
    # Names of files are a visitor's, and must not become markup.
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _plain(text: str) -> str:
    return "".join(
        character if character.isalnum() or character in " ,;:%()-" else f"&#{ord(character)};" for character in text
    )
