"""`naftiko completion`: scripts for shells, and the words that the scripts ask for.

    naftiko __complete bash "naftiko val" → validate

A script gives the line up to the cursor to `naftiko __complete SHELL`, which prints the
words that can stand at the cursor, one to a line. `:files` tells the shell to complete
file names; no line means that there is nothing to complete.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from argparse import Action, Namespace

    from naftiko.cli.index import DocumentIndex, Takes

_BASH = """\
_naftiko() {
    local line
    local -a command=("${1/#\\~/$HOME}")
    if (( BASH_VERSINFO[0] >= 4 )) && [[ -n ${BASH_ALIASES[$1]} ]]; then
        command=(${BASH_ALIASES[$1]})
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("${command[@]}" __complete bash \\
        "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    if [[ ${COMPREPLY[0]} == :files ]]; then
        COMPREPLY=()
        compopt -o default 2>/dev/null
    elif [[ ${COMPREPLY[0]} == *[=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _naftiko naftiko
"""
_ZSH = """\
#compdef naftiko
_naftiko() {
    local -a found
    found=("${(@f)$("${words[1]/#\\~/$HOME}" __complete zsh \\
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    found=("${(@)found:#}")
    if [[ ${found[1]} == :files ]]; then
        _files
        return
    fi
    compadd -S '' -- "${(@M)found:#*[=/]}"
    compadd -- "${(@)found:#*[=/]}"
}
if [[ ${funcstack[1]} == _naftiko ]]; then
    _naftiko "$@"
else
    compdef _naftiko naftiko
fi
"""
_FISH = """\
function __naftiko_complete
    set -l words (commandline -opc)
    set -l command (string replace -r '^~' $HOME -- $words[1])
    type -q $command; or return
    set -e words[1]
    set -l last (commandline -ct)
    set -l found ($command __complete fish $words -- "$last" 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path "$last"
    else
        printf '%s\\n' $found
    end
end
complete -c naftiko -f -a '(__naftiko_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
FILES = ":files"


def run_completion(arguments: Namespace) -> int:
    """Print the completion script of a shell."""
    print(_SCRIPTS[arguments.shell], end="")
    return 0


def answer(words: list[str]) -> str:
    """Return the lines that a completion script gets.

    Args:
        words: The shell, and its line. From bash: the line up to the cursor, and the
            characters that end words. From zsh: the words without their quotes. From
            fish: the same, but `--` and the last word with its quotes at the end.
    """
    shell, *rest = words or [""]
    candidates: list[str] = []
    if shell == "bash" and len(rest) == 2:
        candidates = _for_bash(*rest)
    elif shell == "zsh":
        candidates = complete(rest)
    elif shell == "fish" and rest[-2:-1] == ["--"]:
        last = _split(rest[-1] or "''")[-1].text
        candidates = complete([*rest[:-2], last])
    return "".join(f"{word}\n" for word in candidates if "\n" not in word)


# --- candidates -------------------------------------------------------------------


def complete(words: list[str]) -> list[str]:
    """Return the words that the last word can become: `["va"]` → `["validate"]`."""
    *before, last = words or [""]
    candidates = _candidates(before, last)
    return [word for word in candidates if word.startswith(last) or word == FILES]


def _candidates(before: list[str], last: str) -> list[str]:
    from naftiko.cli.options.commands import COMMANDS
    from naftiko.cli.parser import build_parser, command_parsers, options_of

    if not before:
        return [*COMMANDS, "help", "--help", "--version"]
    command = before[0]
    if command == "help" and len(before) == 1:
        return list(COMMANDS)
    if command not in COMMANDS:
        return []
    options = options_of(command_parsers(build_parser([command]))[command])
    given, waiting, is_ended = _given(before[1:], options)
    if waiting is not None:
        return _values(waiting, last) or _named(waiting, given)
    if last.startswith("-") and not is_ended:
        name, sign, value = last.partition("=")
        if sign:
            values = _values(options[name], value) if name in options else []
            return [f"{name}={word}" for word in values if word != FILES]
        return list(dict.fromkeys(a.option_strings[-1] for a in options.values()))
    if command in ("validate", "serve", "list"):
        return [FILES]
    if command in ("describe", "call"):
        names = _from_file(command, given, last) if given else [FILES]
        return names if is_ended else [w for w in names if not w.startswith("-")]
    if command == "completion" and not given:
        return list(_SCRIPTS)
    if command == "schema" and not given:
        from naftiko.document.checking.schema import versions

        return list(versions())
    return []


def _given(
    words: list[str], options: dict[str, Action]
) -> tuple[list[str], Action | None, bool]:
    """Return the arguments, the option that still needs a value, and if `--` came."""
    arguments: list[str] = []
    waiting: Action | None = None
    for index, word in enumerate(words):
        if waiting is not None:
            waiting = None
        elif word == "--":
            return arguments + words[index + 1 :], None, True
        elif word in options:
            waiting = options[word] if options[word].nargs != 0 else None
        elif word == "-" or not word.startswith("-"):
            arguments.append(word)
    return arguments, waiting, False


def _values(option: Action, text: str) -> list[str]:
    """Return the values that an option can have."""
    if option.choices:
        return [str(choice) for choice in option.choices]
    if option.dest in ("save", "env_file"):
        return [FILES]
    if option.dest == "body" and text.startswith("@"):
        return _paths("@", text[1:])
    return []


def _named(option: Action, given: list[str]) -> list[str]:
    """Return the values of an option that the document on the line names."""
    if option.dest not in ("variable", "adapter"):
        return []
    index = _index(given)
    if index is None:
        return []
    if option.dest == "variable":
        return [f"{name}=" for name in index.variables]
    return index.adapters


def _index(given: list[str]) -> DocumentIndex | None:
    """Return the names in the first argument, if it is a file with a document."""
    from naftiko.cli.index import index_of

    return index_of(os.path.expandvars(os.path.expanduser(given[0]))) if given else None


def _paths(prefix: str, text: str) -> list[str]:
    """Return files whose names begin with a text, behind a prefix."""
    folder, name = os.path.split(text)
    paths = []
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            for entry in entries:
                is_shown = name[:1] == "." or entry.name[0] != "."
                if is_shown and entry.name.startswith(name):
                    end = "/" if entry.is_dir() else ""
                    paths.append(prefix + os.path.join(folder, entry.name) + end)
    except OSError:
        return []
    return sorted(paths)


def _from_file(command: str, given: list[str], last: str) -> list[str]:
    """Return operations, or names of arguments, of the document on the line."""
    index = _index(given)
    if index is None:
        return []
    if len(given) == 1:
        if not last:
            # What is exposed calls the same operations: it comes when it is asked for.
            return index.operations
        bare = [short for short in index.clear if short.startswith(last)]
        return list(dict.fromkeys([*index.operations, *index.exposed, *bare]))
    takes = index.takes(given[1]) if command == "call" else None
    return [] if takes is None else _items(takes, given[2:], last)


def _items(takes: Takes, given: list[str], last: str) -> list[str]:
    """Return names of arguments, or values behind a name: `fl` → `flag=`."""
    from naftiko.cli.arguments.nested import split_item

    types = takes.types
    used = {item.partition("=")[0].removesuffix(":") for item in given}
    names = [n for n, kind in types.items() if n not in used or kind == "array"]
    items = [f"{name}=" for name in names]
    split = split_item(last, types)
    if split is None:
        return items
    name, sign, text = split
    if sign == "=@":
        return items + _paths(f"{name}=@", text)
    known = takes.choices.get(name, [])
    if types.get(name) == "boolean":
        known = ["true", "false"]
    return items + [f"{name}{sign}{choice}" for choice in known]


# --- quotes -----------------------------------------------------------------------


class _Word(NamedTuple):
    """A word of a line of a shell.

    Attributes:
        text: Without quotes and escapes.
        quote: The quotation mark that is still open, or an empty text.
        kept: The length of the beginning of `text` that the shell does not replace.
    """

    text: str
    quote: str = ""
    kept: int = 0


_PLAIN = re.compile(r"[^\w./:=@%+,^~-]")
_IN_QUOTES = re.compile(r"[\\\\\"$`]")


def _split(line: str, breaks: str = "") -> list[_Word]:
    """Return the words of a line up to the cursor: `a 'b c` → `a`, `b c` (open quote).

    The last word may be empty. `<` and `>` are words of their own.
    """
    words: list[_Word] = []
    text, quote, kept = "", "", 0
    is_open = False
    characters = iter(line)
    for character in characters:
        if character == "\\" and quote != "'":
            following = next(characters, "")
            # Between double quotes a backslash escapes only these.
            keeps = quote and following not in _IN_QUOTES.pattern
            text += character + following if keeps else following
            is_open = True
        elif quote:
            if character == quote:
                quote = ""
            else:
                text += character
        elif character in "'\"":
            quote, is_open = character, True
            kept = len(text)
        elif character.isspace() or character in "<>":
            if is_open:
                words.append(_Word(text))
            if character in "<>":
                words.append(_Word(character))
            text, kept, is_open = "", 0, False
        else:
            text += character
            is_open = True
            if character in breaks:
                # bash replaces the text behind a break; an `@` it replaces as well.
                kept = len(text) - (character == "@")
    return [*words, _Word(text, quote, kept)]


def _for_bash(line: str, breaks: str) -> list[str]:
    """Return the words for bash, which replaces only the text behind a break."""
    *before, last = _split(line, breaks)
    words: list[str] = []
    for word in before:
        if words and words[-1] in ("<", ">"):
            words[-1:] = []  # a redirection is no argument of the command
        elif words or not re.match(r"\w+=", word.text):
            words.append(word.text)
    if words[-1:] in (["<"], [">"]):
        return [FILES]
    candidates = complete([*words[1:], last.text])
    return [
        word if word == FILES else _escaped_for_shell(word[last.kept :], last.quote)
        for word in candidates
    ]


def _escaped_for_shell(text: str, quote: str) -> str:
    if quote == "'":
        return text.replace("'", "'\\''")
    pattern = _IN_QUOTES if quote else _PLAIN
    return pattern.sub(lambda match: "\\" + match[0], text)
