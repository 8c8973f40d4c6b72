using System.CommandLine;
using System.Text;
using Lepton.Codegen;
using Lepton.Codegen.Llvm;
using Lepton.Runtime;

namespace Lepton.CommandLine.Commands;

/// <summary>Ahead of time: object, shared library, C header and manifest.</summary>
internal static class BuildCommand
{
    public static Command Make()
    {
        var file = Source.File();
        var entries = new Option<string[]>("--entry", "-e") { Description = "An entry to build; all when none is named.", DefaultValueFactory = _ => [] };
        var (dims, target, fast, skip) = (Source.Dims(), Source.TargetCpu(), Source.FastMath(), Source.Skip());
        var folder = new Option<string>("--out", "-o") { Description = "The folder to write to.", DefaultValueFactory = _ => "." };
        var command = new Command("build", "Compile ahead of time: an object, a shared library, a C header and a JSON manifest.\nExample: leptonc build mlp.lep --out build --target-cpu avx2")
        {
            file, entries, dims, target, fast, skip, folder,
        };
        command.SetAction(parsed =>
        {
            var options = Source.Options(parsed.GetValue(target), parsed.GetValue(fast), runHere: false, parsed.GetValue(skip));
            var compilation = Source.Compile(parsed.GetValue(file)!, options);
            var wanted = parsed.GetValue(entries)!.Select(e => Source.ChooseEntry(compilation, e)).ToList();
            if (wanted.Count == 0)
            {
                wanted = [Source.ChooseEntry(compilation, compilation.Entries.FirstOrDefault()), .. compilation.Entries.Skip(1)];
            }

            var module = compilation.Compile(wanted, Source.ParseDims(parsed.GetValue(dims)!));
            Write(Directory.CreateDirectory(parsed.GetValue(folder)!).FullName, module.Manifest.Name, module);
            return 0;
        });
        return command;
    }

    // Everything is made in a folder of its own first and moved at the end, so that a failure leaves the old files.
    private static void Write(string folder, string name, Compiler.CompiledModule module)
    {
        var temporary = Directory.CreateTempSubdirectory("lepton-build").FullName;
        try
        {
            string In(string file) => Path.Combine(temporary, file);
            File.WriteAllBytes(In(name + ".o"), module.ObjectCode);
            File.WriteAllText(In(name + ".h"), CHeader.Print(module.Manifest));
            File.WriteAllBytes(In(name + ".json"), ManifestJson.Write(module.Manifest));
            if (SharedLibrary.Link(In(name + ".o"), In($"lib{name}.so")) is { } problem)
            {
                Console.Error.WriteLine($"warning: no shared library: {problem}");
            }

            foreach (var file in Directory.GetFiles(temporary).Order(StringComparer.Ordinal))
            {
                var target = Path.Combine(folder, Path.GetFileName(file));
                File.Copy(file, target + ".tmp", overwrite: true);
                File.Move(target + ".tmp", target, overwrite: true);
                Console.WriteLine($"{Path.GetRelativePath(".", target)}  {new FileInfo(target).Length} bytes");
            }
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }
    }
}
