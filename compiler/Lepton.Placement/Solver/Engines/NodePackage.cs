namespace Lepton.Placement.Solver.Engines;

/// <summary>
/// Where Node and the solver in WebAssembly (npm's or-tools-wasm) are. Two files of that package are needed: the runtime's script and its binary.
/// </summary>
/// <param name="Node">The program.</param>
/// <param name="Script">cp_sat_runtime_node_asyncify.js.</param>
/// <param name="Binary">cp_sat_runtime_node_asyncify.wasm.</param>
public sealed record NodePackage(string Node, string Script, string Binary)
{
    public const string InstallCommand = "npm install --ignore-scripts --prefix ~/.lepton or-tools-wasm@0.9.1";

    /// <summary>Names a folder that holds the two files, instead of the places that are searched.</summary>
    public const string FolderVariable = "LEPTON_SOLVER";

    private const string Stem = "cp_sat_runtime_node_asyncify";
    private static readonly string Inside = Path.Combine("node_modules", "or-tools-wasm", "build", "javascript", "node-wasm");

    /// <summary>
    /// Looks for node on the path, and for the package in the folder that the variable names, or in node_modules of the current folder, of the folder of
    /// this program, of their parents, and of ~/.lepton. Nothing is installed.
    /// </summary>
    /// <param name="missing">What is not there and the command that brings it, where the result is null.</param>
    public static NodePackage? Find(out string missing) => Find(Folders(), out missing);

    internal static NodePackage? Find(IEnumerable<string> folders, out string missing)
    {
        missing = "";
        var folder = folders.FirstOrDefault(HasBoth);
        if (folder is null)
        {
            missing = $"the solver is not installed; this installs it, and needs Node 18 or later: {InstallCommand}";
            return null;
        }

        var node = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Where(p => p.Length > 0)
            .SelectMany(p => new[] { Path.Combine(p, "node"), Path.Combine(p, "node.exe") }).FirstOrDefault(File.Exists);
        if (node is null)
        {
            missing = "the solver needs Node 18 or later, and no program node is on the path; on Debian: apt-get install nodejs";
            return null;
        }

        return new NodePackage(node, Path.Combine(folder, Stem + ".js"), Path.Combine(folder, Stem + ".wasm"));
    }

    private static IEnumerable<string> Folders()
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } named)
        {
            return [named];
        }

        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Upwards(Environment.CurrentDirectory).Concat(Upwards(AppContext.BaseDirectory)).Append(Path.Combine(home, ".lepton"))
            .Select(f => Path.Combine(f, Inside));
    }

    private static IEnumerable<string> Upwards(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            yield return at.FullName;
        }
    }

    private static bool HasBoth(string folder) => File.Exists(Path.Combine(folder, Stem + ".js")) && File.Exists(Path.Combine(folder, Stem + ".wasm"));
}
