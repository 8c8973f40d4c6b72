namespace Lepton.Tests.House;

/// <summary>Finds the checkout that the tests run in.</summary>
public static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Lepton.Lang.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("the tests must run inside a checkout");
    }
}
