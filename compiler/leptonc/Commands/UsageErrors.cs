using System.CommandLine;
using System.CommandLine.Parsing;
using Lepton.Language.Text;

namespace Lepton.CommandLine.Commands;

/// <summary>What is wrong with a command line, in our words and once.</summary>
internal static class UsageErrors
{
    public static IEnumerable<string> Of(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (command is RootCommand)
        {
            return [NoCommand(parsed.UnmatchedTokens.FirstOrDefault() ?? "", command)];
        }

        if (parsed.UnmatchedTokens.Count > 0)
        {
            return [Unmatched(parsed.UnmatchedTokens[0], command)];
        }

        return parsed.Errors.Select(e => Shown(e, command));
    }

    private static string NoCommand(string word, Command root)
    {
        if (word.StartsWith('-'))
        {
            return $"there is no option {word}; a command comes first, as in leptonc run FILE.lep";
        }

        var near = NameSuggestion.Find(word, root.Subcommands.Select(c => c.Name));
        return word.EndsWith(".lep", StringComparison.Ordinal) ? $"what is to be done with {word}? say a command first: leptonc run {word}"
            : near is not null ? $"there is no command {word}; did you mean {near}?"
            : $"there is no command {word}; there are {string.Join(", ", root.Subcommands.Select(c => c.Name))}";
    }

    private static string Unmatched(string word, Command command)
    {
        if (!word.StartsWith('-') || word == "-")
        {
            return $"{command.Name} takes {(command.Arguments.Count == 0 ? "no argument" : "one FILE")}: what is {word}?";
        }

        var near = NameSuggestion.Help(word, command.Options.Select(o => o.Name));
        return $"{command.Name} has no option {word}" + (near is null ? "" : $"; {near}");
    }

    private static string Shown(ParseError error, Command command)
    {
        var option = error.SymbolResult as OptionResult ?? error.SymbolResult?.Parent as OptionResult;
        var wanted = Type.GetTypeCode(option?.Option.ValueType) switch
        {
            TypeCode.Int32 => "a whole number",
            TypeCode.UInt64 => "a whole number of at least 0",
            TypeCode.Double => "a number",
            _ => null,
        };
        return option is null ? $"which file? say leptonc {command.Name} FILE.lep"
            : option.Tokens.Count == 0 ? $"{option.Option.Name} {option.Option.HelpName} is missing"
            : wanted is not null && error.Message.StartsWith("Cannot parse", StringComparison.Ordinal)
                ? $"{option.Option.Name} {option.Tokens[0].Value}: expected {wanted}"
            : error.Message;
    }
}

/// <summary>The form of errors that are not about a place in a program.</summary>
internal static class ErrorText
{
    /// <summary>Columns of help and errors.</summary>
    public const int Width = 100;

    /// <summary><c>error: …</c>, with the lines that are longer broken between words.</summary>
    public static string Wrapped(string message)
    {
        var lines = new List<string>();
        foreach (var line in $"error: {message}".Split('\n'))
        {
            var rest = line;
            while (rest.Length > Width && rest.LastIndexOf(' ', Width) is > 7 and var at)
            {
                lines.Add(rest[..at]);
                rest = new string(' ', 7) + rest[(at + 1)..];
            }

            lines.Add(rest);
        }

        return string.Join('\n', lines);
    }
}
