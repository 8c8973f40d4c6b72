#if !OFFICIAL_PACKAGES
using System.Runtime.CompilerServices;
using Xunit;

namespace Lepton.Tests.Support;

/// <summary>
/// Snapshots, with the names of Verify.Xunit: a text must be what <c>Class.Method.verified.txt</c> beside the test holds. When it is not, it is
/// written as <c>….received.txt</c>, which becomes the verified one by renaming it.
/// </summary>
internal static class Verifier
{
    public static Task Verify(string text, [CallerFilePath] string file = "", [CallerMemberName] string method = "")
    {
        var stem = Path.Combine(Path.GetDirectoryName(file)!, $"{Path.GetFileNameWithoutExtension(file)}.{method}");
        var (verified, received) = (stem + ".verified.txt", stem + ".received.txt");
        var wanted = File.Exists(verified) ? File.ReadAllText(verified).ReplaceLineEndings("\n").TrimEnd('\n') : null;
        if (wanted == text.TrimEnd('\n'))
        {
            File.Delete(received);
            return Task.CompletedTask;
        }

        File.WriteAllText(received, text);
        Assert.Fail(wanted is null ? $"there is no {verified}; {received} is what it would hold" : $"{verified} differs from {received}");
        return Task.CompletedTask;
    }
}
#endif
