using System.Globalization;
using Lepton.Tests.House;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// What a fuzz run leaves behind, in bin/fuzz: for each thread what it runs now, so that the culprit is known when the process ends by a fault;
/// and, when all is over, what was covered.
/// </summary>
internal static class FuzzLog
{
    private static readonly string Folder = Directory.CreateDirectory(Repository.PathOf("tests", "Lepton.Tests", "bin", "fuzz")).FullName;

    /// <summary>Writes down what runs now on this thread; null: nothing.</summary>
    public static void Running(string? what)
    {
        var path = PathOf($"running-{Environment.CurrentManagedThreadId.ToString(CultureInfo.InvariantCulture)}.txt");
        if (what is null)
        {
            File.Delete(path);
        }
        else
        {
            File.WriteAllText(path, what + "\n");
        }
    }

    public static string PathOf(string file) => Path.Combine(Folder, file);

    public static void Covered(string which, int programs, TimeSpan time, StrategyCount count) => File.WriteAllText(
        PathOf($"covered-{which}.txt"),
        $"{programs} {which} in {time.TotalSeconds:f0} s; so many of them used, or were changed by (of two compilations each):\n{count}");
}
