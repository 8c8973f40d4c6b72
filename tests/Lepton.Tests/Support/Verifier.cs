#if !OFFICIAL_PACKAGES
using System.Runtime.CompilerServices;

namespace Lepton.Tests.Support;

/// <summary>
/// Stands in for Verify.Xunit's class of this name: compares a text with CLASS.METHOD.verified.txt beside the test; a difference is left
/// as CLASS.METHOD.received.txt. LEPTON_BLESS=1 accepts what is received.
/// </summary>
internal static class Verifier
{
    public static Task Verify(string text, [CallerFilePath] string file = "", [CallerMemberName] string method = "")
    {
        var stem = Path.Combine(Path.GetDirectoryName(file)!, $"{Path.GetFileNameWithoutExtension(file)}.{method}");
        var (verified, received) = (stem + ".verified.txt", stem + ".received.txt");
        var normal = text.ReplaceLineEndings("\n").TrimEnd() + "\n";
        if (Environment.GetEnvironmentVariable("LEPTON_BLESS") == "1")
        {
            File.WriteAllText(verified, normal);
        }

        var expected = File.Exists(verified) ? File.ReadAllText(verified).ReplaceLineEndings("\n").TrimEnd() + "\n" : "";
        if (expected != normal)
        {
            File.WriteAllText(received, normal);
            Assert.Fail($"{Path.GetFileName(received)} differs from {Path.GetFileName(verified)}:\n{normal}");
        }

        File.Delete(received);
        return Task.CompletedTask;
    }
}
#endif
