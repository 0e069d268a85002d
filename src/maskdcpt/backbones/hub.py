"""Weights on the Hugging Face Hub: which names mean a model there, and the methods that every network gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self, cast

from huggingface_hub import HfApi, ModelCard, ModelHubMixin, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from maskdcpt.backbones.card import model_card
from maskdcpt.config import to_dict
from maskdcpt.errors import UserError
from maskdcpt.files import TEMPORARY
from maskdcpt.profiling import count_parameters
from maskdcpt.weights import find_named

if TYPE_CHECKING:
    from maskdcpt.backbones.base import Backbone

FILES = ("config.json", "model.safetensors", "classifier.safetensors", "calibration.json", "README.md")
"""What is downloaded of a model: the files that are read, and the card."""
CARD = "README.md"

REASONS = (
    (GatedRepoError, "its owner has to grant you access"),
    (RepositoryNotFoundError, "there is no such model, or it is private and your token does not open it"),
    (RevisionNotFoundError, "it has no such revision"),
    (LocalEntryNotFoundError, "the cache does not have all of it, and the Hub may not be asked"),
)
"""What went wrong in plain words; the first kind that an error belongs to counts."""

WORD = r"\w(?:[\w.-]{0,94}\w)?"
HUB_ID = re.compile(rf"(?!.*(?:--|\.\.)){WORD}/{WORD}", re.ASCII)
"""What the Hub lets a model be called."""


def is_hub_id(name: str) -> bool:
    """Whether a name has the form of a model's on the Hub: ``user/name``, without a file's suffix such as ``.pth``."""
    return HUB_ID.fullmatch(name) is not None and not re.match(r"\.[A-Za-z]", Path(name).suffix)


def locate_weights(name_or_path: str | Path, **download: Any) -> Path:
    """Finds weights by path or downloads them from the Hub.

    The string ``default`` stands for the weights of the package. What exists here is a path. Otherwise a string of the
    form ``user/name`` is a model on the Hub, unless there is a folder ``user`` here. Anything else is a path that does
    not exist, left to whoever reads it to refuse.

    Args:
        name_or_path: Path of weights, ``default``, or name of a model on the Hub.
        download: Arguments for ``huggingface_hub.snapshot_download``: ``revision``, ``token``, ``cache_dir``,
            ``force_download``, ``local_files_only``.

    Raises:
        UserError: If the model cannot be downloaded or holds no weights of this library.
    """
    path = find_named(name_or_path)
    if isinstance(name_or_path, Path) or path.exists() or path.parent.exists() or not is_hub_id(name_or_path):
        return path
    with _one_line(f"{name_or_path}: no such file or folder, and not downloaded from the Hub"):
        folder = Path(snapshot_download(name_or_path, allow_patterns=list(FILES), **download))
    if not all((folder / file).is_file() for file in FILES[:2]):
        raise UserError(f"{name_or_path}: no weights there on the Hub; expected {FILES[1]} and {FILES[0]}")
    return folder


class HubModel(ModelHubMixin):
    """Saving, loading and publishing, for ``Backbone``."""

    # The mixin's method deletes the configuration in the folder before it writes.
    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        config: Any = None,
        repo_id: str | None = None,
        push_to_hub: bool = False,
        model_card_kwargs: dict[str, Any] | None = None,
        **push_to_hub_kwargs: Any,
    ) -> str | None:
        """Writes what ``save_backbone`` writes and a model card, unless there is a ``README.md``.

        Files that are there are replaced when the new ones are whole.

        Args:
            save_directory: Folder, made where missing.
            config: Not used; the network has its own.
            repo_id: With ``push_to_hub``, the model's name; without it the folder's.
            push_to_hub: Whether to upload it as well.
            model_card_kwargs: For the card, such as ``{"license": "cc-by-4.0"}``.
            push_to_hub_kwargs: For ``push_to_hub``.

        Returns:
            Address of the commit, if there is one.

        Raises:
            UserError: If the network has no configuration, or the upload fails.
        """
        network = cast("Backbone", self)
        _require_configuration(network)
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=TEMPORARY, dir=folder) as name:
            whole = Path(name)
            super().save_pretrained(whole, model_card_kwargs=model_card_kwargs)
            for file in whole.iterdir():
                if file.name != CARD or not (folder / CARD).exists():
                    file.replace(folder / file.name)
        if not push_to_hub:
            return None
        return self.push_to_hub(repo_id or folder.name, model_card_kwargs=model_card_kwargs, **push_to_hub_kwargs)

    def _save_pretrained(self, save_directory: Path) -> None:
        # Imported here because reading weights stands above the networks. The mixin writes a configuration of its own
        # only where this leaves none.
        from maskdcpt.backbones.weights import save_backbone

        save_backbone(cast("Backbone", self), save_directory)

    # The mixin's method reads config.json as arguments of __init__ and takes a file for a name on the Hub.
    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
    ) -> Self:
        """Loads a network in evaluation mode.

        Args:
            pretrained_model_name_or_path: As for ``maskdcpt.load_backbone``, or the name ``user/name`` of a model on
                the Hub, which is downloaded. What exists here is a path.
            force_download: Whether to download again what the cache has.
            token: Access token for the Hub; without it that of the login, False for none.
            cache_dir: Folder for downloads.
            local_files_only: Whether to take it from the cache without asking the Hub.
            revision: Branch, tag or commit on the Hub.

        Raises:
            UserError: If the weights cannot be downloaded, are damaged, or belong to a network of another class.
        """
        from maskdcpt.backbones.weights import load_backbone

        path = locate_weights(
            pretrained_model_name_or_path,
            force_download=force_download,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            revision=revision,
        )
        network = load_backbone(path)
        if not isinstance(network, cls):
            name = type(network).__name__
            raise UserError(f"{pretrained_model_name_or_path}: these are weights of a {name}, not of a {cls.__name__}")
        return network

    def push_to_hub(
        self,
        repo_id: str,
        *,
        token: str | None = None,
        branch: str | None = None,
        ignore_patterns: list[str] | str | None = None,
        model_card_kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """Uploads the network to the Hub, into a new or an existing model; a card that is there is kept.

        Args:
            repo_id: The model's name, ``user/name``.
            token: Access token for the Hub; without it that of the login.
            branch: Branch to upload to, ``main`` if None.
            ignore_patterns: Files that are not uploaded.
            model_card_kwargs: For the card, such as ``{"license": "cc-by-4.0"}``.
            options: As for ``ModelHubMixin.push_to_hub``: ``private``, ``commit_message``, ``create_pr`` and others.

        Returns:
            Address of the commit.

        Raises:
            UserError: If the name is none or the upload fails.
        """
        if not is_hub_id(repo_id):
            raise UserError(f"a model on the Hub is called user/name, without a suffix such as .pth, not {repo_id!r}")
        ignored = [ignore_patterns] if isinstance(ignore_patterns, str) else list(ignore_patterns or [])
        _require_configuration(cast("Backbone", self))
        with _one_line(f"{repo_id}: not uploaded to the Hub"):
            if HfApi(token=token).file_exists(repo_id, CARD, revision=branch):
                ignored.append(CARD)
            return super().push_to_hub(
                repo_id,
                token=token,
                branch=branch,
                ignore_patterns=ignored,
                model_card_kwargs={"repo_id": repo_id, **(model_card_kwargs or {})},
                **options,
            )

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """Writes the model card.

        Args:
            args: None are taken.
            kwargs: ``repo_id`` and ``license``, see ``maskdcpt.backbones.card.model_card``.
        """
        network = cast("Backbone", self)
        parameters = count_parameters(network)
        name, family = type(network).__name__, network.config.name
        return model_card(name, family, parameters, network.stride, *args, **kwargs)


def _require_configuration(network: Backbone) -> None:
    """Asks for it before anything is written or uploaded: a network that was adapted has none and says so."""
    to_dict(network.config)


@contextmanager
def _one_line(message: str) -> Iterator[None]:
    # Everything, because what fails between here and the Hub shares no class; but a wrong argument is the caller's.
    try:
        yield
    except TypeError:
        raise
    except Exception as error:
        # When nothing is in the cache, why it was needed tells more.
        told = error.__cause__ if isinstance(error, LocalEntryNotFoundError) and error.__cause__ else error
        reason = next((words for kind, words in REASONS if isinstance(told, kind)), f"{type(told).__name__}: {told}")
        raise UserError(f"{message}: {' '.join(reason.split())}") from error
