using System.Xml.Linq;

namespace Lepton.Tests.House;

/// <summary>The rules of the house that a program can check.</summary>
public class HouseTests
{
    // Who may see whom. A project that is not in the table, or an arrow that is not in its row, fails.
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Lepton.Abi"] = [],
        ["Lepton.Runtime"] = ["Lepton.Abi"],
        ["Lepton.Runtime.OpenCl"] = ["Lepton.Abi", "Lepton.Runtime"],
        ["Lepton.Runtime.Ilgpu"] = ["Lepton.Abi", "Lepton.Runtime"],
        ["Lepton.Language"] = ["Lepton.Abi"],
        ["Lepton.Graphs"] = ["Lepton.Abi", "Lepton.Language"],
        ["Lepton.Optimizer"] = ["Lepton.Abi", "Lepton.Graphs"],
        ["Lepton.Placement"] = ["Lepton.Abi", "Lepton.Language", "Lepton.Graphs"],
        ["Lepton.Kernels"] = ["Lepton.Abi", "Lepton.Graphs"],
        ["Lepton.Codegen"] = ["Lepton.Abi", "Lepton.Graphs", "Lepton.Kernels"],
        ["Lepton.Codegen.Ilgpu"] = ["Lepton.Abi", "Lepton.Graphs", "Lepton.Kernels", "Lepton.Codegen"],
        ["Lepton.Compiler"] = ["Lepton.Abi", "Lepton.Language", "Lepton.Graphs", "Lepton.Optimizer", "Lepton.Kernels", "Lepton.Codegen"],
        ["Lepton.Embedding"] =
        [
            "Lepton.Abi", "Lepton.Runtime", "Lepton.Runtime.OpenCl", "Lepton.Runtime.Ilgpu", "Lepton.Language", "Lepton.Graphs", "Lepton.Placement", "Lepton.Kernels", "Lepton.Codegen", "Lepton.Codegen.Ilgpu",
            "Lepton.Compiler",
        ],
        ["leptonc"] =
        [
            "Lepton.Abi", "Lepton.Runtime", "Lepton.Runtime.OpenCl", "Lepton.Runtime.Ilgpu", "Lepton.Language", "Lepton.Graphs", "Lepton.Optimizer", "Lepton.Placement", "Lepton.Kernels",
            "Lepton.Codegen", "Lepton.Compiler", "Lepton.Embedding",
        ],
    };

    public static TheoryData<string> Projects() => [.. ProjectFiles().Select(p => Path.GetRelativePath(Repository.Root, p))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_has_only_the_arrows_of_the_table(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        var seen = XDocument.Load(Repository.PathOf(path)).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/')));
        if (path.StartsWith("tests", StringComparison.Ordinal) || path.StartsWith("examples", StringComparison.Ordinal))
        {
            return; // Tests see everything, examples are apps.
        }

        Assert.True(Arrows.ContainsKey(name), $"{name} is not in the table of projects");
        Assert.Empty(seen.Except(Arrows[name]));
    }

    [Fact]
    public void The_native_and_parser_packages_stay_in_their_rooms()
    {
        foreach (var project in ProjectFiles())
        {
            var packages = XDocument.Load(project).Descendants("PackageReference").Select(r => r.Attribute("Include")!.Value).ToArray();
            var name = Path.GetFileNameWithoutExtension(project);
            Assert.True(!packages.Contains("Antlr4.Runtime.Standard") || name == "Lepton.Language", $"{name} references ANTLR");
            Assert.True(!packages.Any(p => p.StartsWith("LLVMSharp", StringComparison.Ordinal)) || name == "Lepton.Codegen", $"{name} references LLVM");
            Assert.True(!packages.Contains("ILGPU") || name.EndsWith(".Ilgpu", StringComparison.Ordinal), $"{name} references ILGPU");
        }
    }

    [Fact]
    public void No_source_file_is_longer_than_400_lines()
    {
        var tooLong = SourceFiles().Select(f => (File: Path.GetRelativePath(Repository.Root, f), Lines: File.ReadLines(f).Count())).Where(f => f.Lines > 400);
        Assert.Empty(tooLong);
    }

    [Fact]
    public void The_top_level_holds_only_what_the_house_plan_names()
    {
        string[] allowed =
        [
            "compiler", "runtime", "stdlib", "examples", "tests", "Lepton.Lang.sln", "README.md", "CHANGELOG.md", "LICENSE", "Directory.Build.props",
            "Directory.Packages.props", "global.json",
        ];
        var others = Directory.EnumerateFileSystemEntries(Repository.Root).Select(e => Path.GetFileName(e)!).Where(n => !n.StartsWith('.')).Except(allowed);
        Assert.Empty(others);
    }

    private static IEnumerable<string> ProjectFiles() =>
        Directory.EnumerateFiles(Repository.Root, "*.csproj", SearchOption.AllDirectories).Where(f => !IsBuilt(f));

    private static IEnumerable<string> SourceFiles() =>
        Directory.EnumerateFiles(Repository.Root, "*.cs", SearchOption.AllDirectories).Where(f => !IsBuilt(f) && !f.Contains("/Generated/", StringComparison.Ordinal));

    private static bool IsBuilt(string path)
    {
        var relative = Path.GetRelativePath(Repository.Root, path);
        return relative.Split('/').Any(p => p is "bin" or "obj" or "node_modules");
    }
}
