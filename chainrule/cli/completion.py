"""`chainrule completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import click

from chainrule.cli import common

_WHERE = {
    "bash": 'eval "$(chainrule completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(chainrule completion zsh)"   # in ~/.zshrc',
    "fish": "chainrule completion fish | source   # in ~/.config/fish/config.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_WHERE)))
@click.option("--output", "-o", metavar="FILE", help="Write to a file.")
@click.pass_context
def command(ctx: click.Context, shell: str, output: str | None) -> None:
    """Print a script that completes commands and options in a shell."""
    from click.shell_completion import ShellComplete, get_completion_class  # lazily: rarely used

    kind = get_completion_class(shell)
    assert kind is not None  # click knows the three
    script = kind(ctx.find_root().command, {}, "chainrule", "_CHAINRULE_COMPLETE")
    # the base class's `source`: bash's own would first start a bash to ask for its version
    text = ShellComplete.source(script)
    common.write(f"# {_WHERE[shell]}\n{text.strip()}\n", output)
