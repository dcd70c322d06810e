using System.CommandLine;

namespace RuntimeGuard.Cli;

/// <summary><c>rgctl completion bash|zsh|fish</c>: scripts that ask rgctl itself what fits at the cursor.</summary>
static class CompletionCommands
{
    const string Bash = """
        _rgctl() {
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$(rgctl "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _rgctl rgctl
        """;

    const string Zsh = """
        #compdef rgctl
        _rgctl() {
          local -a found
          found=("${(@f)$(rgctl "[suggest:${CURSOR}]" "${BUFFER}" 2>/dev/null)}")
          [[ -n ${found[1]} ]] && compadd -a found || _files
        }
        compdef _rgctl rgctl
        """;

    const string Fish = """
        complete -c rgctl -a '(rgctl "[suggest:"(commandline -C)"]" (commandline -c) 2>/dev/null)'
        """;

    public static Command Create(Terminal terminal) => new("completion", "Print a completion script: source it, or put it where your shell looks.")
    {
        Shell(terminal, "bash", "e.g. rgctl completion bash > /etc/bash_completion.d/rgctl", Bash),
        Shell(terminal, "zsh", "e.g. rgctl completion zsh > ~/.zsh/completions/_rgctl", Zsh),
        Shell(terminal, "fish", "e.g. rgctl completion fish > ~/.config/fish/completions/rgctl.fish", Fish),
    };

    static Command Shell(Terminal terminal, string name, string description, string script)
    {
        var command = new Command(name, description);
        command.SetAction(_ => terminal.Out.WriteLine(script));
        return command;
    }
}
