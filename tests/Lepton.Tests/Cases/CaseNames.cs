using System.Text.RegularExpressions;

namespace Lepton.Tests.Cases;

/// <summary>Finds definitions and calls of functions in the text of programs.</summary>
internal static partial class CaseNames
{
    [GeneratedRegex(@"^fn (?<name>\w+)", RegexOptions.Multiline)]
    public static partial Regex Functions();

    /// <summary>Whether a text calls <paramref name="name"/>, with or without an axis in brackets.</summary>
    public static bool Calls(string text, string name) => Regex.IsMatch(text, $@"(?<!fn )\b{name}(\[[^\]]*\])?\(");
}
