using System.CommandLine;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Cli;

/// <summary>Options and arguments that several commands share, with their checks.</summary>
static class Options
{
    public static Option<string> Text(string name, string description, string helpName)
        => new(name) { Description = description, HelpName = helpName, DefaultValueFactory = _ => "" };

    public static Option<int> Limit(int maximum, string description)
    {
        var option = new Option<int>("--limit") { Description = description, HelpName = "N" };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is var limit && (limit < 0 || limit > maximum))
            {
                result.AddError($"--limit is between 1 and {maximum}");
            }
        });
        return option;
    }

    /// <summary>A point in time as Unix nanoseconds; 0 when not given.</summary>
    public static Option<long> Time(string name, string description, TimeProvider clock) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = argument =>
        {
            try
            {
                return Moment.Parse(argument.Tokens[0].Value, clock);
            }
            catch (FormatException error)
            {
                argument.AddError($"{name}: {error.Message}");
                return 0;
            }
        },
    };

    /// <summary>A span in whole seconds; 0 when not given.</summary>
    public static Option<long> Span(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "SPAN",
        CustomParser = argument =>
        {
            if (Moment.TryParseSpan(argument.Tokens[0].Value, out var seconds) && seconds > 0)
            {
                return seconds;
            }

            argument.AddError($"{name}: '{SafeText.Of(argument.Tokens[0].Value, 40)}' is no span; write 90s, 15m, 24h or 7d");
            return 0;
        },
    };

    /// <summary>One value of the wire by its name, or <paramref name="otherwise"/> when not given.</summary>
    public static Option<T> Named<T>(string name, string description, T otherwise) where T : struct, Enum
    {
        var names = NamesOf<T>();
        var option = new Option<T>(name)
        {
            Description = description,
            HelpName = string.Join('|', names.Keys),
            DefaultValueFactory = _ => otherwise,
            CustomParser = argument => OneOf(names, name, argument, argument.Tokens[0].Value),
        };
        option.CompletionSources.Clear();
        option.CompletionSources.Add([.. names.Keys]);
        return option;
    }

    public static Option<BehaviourClass> Class(string name, string description) => Named(name, description, BehaviourClass.Unspecified);

    /// <summary>Any number of classes; none stands for all.</summary>
    public static Option<BehaviourClass[]> Classes(string description)
    {
        var names = NamesOf<BehaviourClass>();
        var option = new Option<BehaviourClass[]>("--class")
        {
            Description = description,
            HelpName = string.Join('|', names.Keys),
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
            CustomParser = argument => [.. argument.Tokens.Select(token => OneOf(names, "--class", argument, token.Value))],
        };
        option.CompletionSources.Clear();
        option.CompletionSources.Add([.. names.Keys]);
        return option;
    }

    static Dictionary<string, T> NamesOf<T>() where T : struct, Enum =>
        Enum.GetValues<T>().Where(value => !value.Equals(default(T))).ToDictionary(Words.Of);

    static T OneOf<T>(Dictionary<string, T> names, string option, System.CommandLine.Parsing.ArgumentResult argument, string given)
        where T : struct, Enum
    {
        if (names.TryGetValue(given, out var found))
        {
            return found;
        }

        argument.AddError($"{option} is one of {string.Join(", ", names.Keys)}");
        return default;
    }

    /// <summary>NAMESPACE/IMAGE; the image may be a part that only one workload of the namespace has.</summary>
    public static Argument<Workload> Workload()
    {
        var argument = new Argument<Workload>("workload")
        {
            Description = WorkloadDescription,
            CustomParser = ParseWorkload,
        };
        return argument;
    }

    /// <summary>As <see cref="Workload"/>, by a name.</summary>
    public static Option<Workload?> WorkloadOf(string name, string description) => new(name)
    {
        Description = $"{description}: {WorkloadDescription}",
        HelpName = "WORKLOAD",
        CustomParser = ParseWorkload,
    };

    const string WorkloadDescription = "NAMESPACE/IMAGE, e.g. shop/nginx; a part of the image is enough when only one workload has it";

    static Workload ParseWorkload(System.CommandLine.Parsing.ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && slash < text.Length - 1)
        {
            return new Workload { Namespace = text[..slash], Image = text[(slash + 1)..] };
        }

        result.AddError($"'{SafeText.Of(text, 80)}' is no workload; write NAMESPACE/IMAGE as `rgctl workloads list` shows it");
        return null!;
    }
}
