"""`naftiko completion`: scripts for shells, and the words that they ask for.

A script hands every word of the line to `naftiko __complete`, the last being the one
under the cursor; it prints what can stand there, one to a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.errors import NaftikoError

if TYPE_CHECKING:
    from argparse import Namespace

    from naftiko.operation import Operation

_BASH = """\
_naftiko() {
    local line cur prev words cword
    # `=` and `:` end words for bash, not for us.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n =: cur prev words cword
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]}
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(naftiko __complete "${words[@]:1:cword}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
        COMPREPLY=($(compgen -f -- "$cur"))
        compopt -o filenames 2>/dev/null
    fi
    if [[ ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}
complete -F _naftiko naftiko
"""
_ZSH = """\
#compdef naftiko
_naftiko() {
    local -a found plain open
    found=("${(@f)$(naftiko __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=("${(@)found:#}")
    if (( ${#found} == 0 )); then
        _files
        return
    fi
    open=("${(@M)found:#*=}")
    plain=("${(@)found:#*=}")
    (( ${#plain} )) && compadd -- "${plain[@]}"
    (( ${#open} )) && compadd -S '' -- "${open[@]}"
}
if [[ ${funcstack[1]} == _naftiko ]]; then
    _naftiko "$@"
else
    compdef _naftiko naftiko
fi
"""
_FISH = """\
function __naftiko_words
    set -l words (commandline -opc) (commandline -ct)
    naftiko __complete $words[2..-1] 2>/dev/null
end
complete -c naftiko -a '(__naftiko_words)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_SHELLS = ("bash", "zsh", "fish")


def run_completion(arguments: Namespace) -> int:
    """Print the completion script of a shell."""
    print(_SCRIPTS[arguments.shell], end="")
    return 0


def complete(words: list[str]) -> list[str]:
    """Return what can stand for the last word; nothing means a file name."""
    if not words:
        words = [""]
    *before, last = words
    return [word for word in _candidates(before, last) if word.startswith(last)]


def _candidates(before: list[str], last: str) -> list[str]:
    from naftiko.cli.parser import COMMANDS, build_parser

    if not before:
        return [*COMMANDS, "--help", "--version"]
    command = before[0]
    if command not in COMMANDS:
        return []
    parser = _parser_of(build_parser(), command)
    actions = {
        option: action for action in parser._actions for option in action.option_strings
    }
    previous = before[-1]
    if previous in actions and len(before) > 1 and actions[previous].nargs != 0:
        return [str(choice) for choice in actions[previous].choices or ()]
    if last.startswith("-"):
        return [option for option in actions if option.startswith("--")]
    if command == "completion":
        return list(_SHELLS)
    if command == "schema":
        from naftiko.schema import versions

        return list(versions())
    if command in ("call", "describe"):
        return _from_file(command, _positional(before[1:], actions), last)
    return []


def _parser_of(parser: Any, command: str) -> Any:
    for action in parser._actions:
        if action.choices and command in action.choices:
            return action.choices[command]
    raise LookupError(command)


def _positional(words: list[str], actions: dict[str, object]) -> list[str]:
    found = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in actions:
            skip = getattr(actions[word], "nargs", None) != 0
        elif not word.startswith("-"):
            found.append(word)
    return found


def _from_file(command: str, positional: list[str], last: str) -> list[str]:
    """Return refs, or names of arguments, of the file that the line names."""
    if not positional:
        return []
    from naftiko.cli.cache import read_cached
    from naftiko.loader import load

    try:
        operations = load(read_cached(positional[0]), schema=None).operations
        if len(positional) == 1:
            return list(operations)
        operation = operations.find(positional[1])
    except NaftikoError:
        return []
    if command == "describe":
        return []
    return _names(operation, {item.partition("=")[0] for item in positional[2:]}, last)


def _names(operation: Operation, used: set[str], last: str) -> list[str]:
    name = last.partition("=")[0].removesuffix(":")
    if "=" in last:
        parameters = [p for p in operation.parameters if p.name == name]
        if parameters and parameters[0].type == "boolean":
            return [f"{name}=true", f"{name}=false"]
        return []
    names = [p.name for p in operation.parameters]
    if operation.takes_body:
        names.append("body")
    return [f"{name}=" for name in names if name not in used]
