using Lepton.Codegen;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Runtime;

namespace Lepton.Embedding;

/// <summary>A module compiled ahead of time, as files: for C, and for apps that load it with <see cref="Module.Load"/> and carry no compiler.</summary>
public static class ModuleFiles
{
    /// <summary>
    /// Writes <c>NAME.o</c>, <c>NAME.h</c>, <c>NAME.json</c> and <c>libNAME.so</c>. Everything is made in a folder of its own first and moved at
    /// the end, so that a failure leaves the files that were there.
    /// </summary>
    /// <param name="folder">Where to; made when it is not there.</param>
    /// <param name="module">What <see cref="Compilation.Compile(Lepton.Kernels.KernelModule)"/> or <see cref="PlacedCode.Compile"/> gives.</param>
    /// <param name="warning">Why there is no shared library: no C compiler to link one with. Null when there is one.</param>
    /// <returns>The paths of the files.</returns>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static IReadOnlyList<string> Write(string folder, CompiledModule module, out string? warning)
    {
        var temporary = Directory.CreateTempSubdirectory("lepton-build").FullName;
        try
        {
            var name = module.Manifest.Name;
            File.WriteAllBytes(In(name + ".o"), module.ObjectCode);
            File.WriteAllText(In(name + ".h"), CHeader.Print(module.Manifest));
            File.WriteAllBytes(In(name + ".json"), ManifestJson.Write(module.Manifest));
            warning = SharedLibrary.Link(In(name + ".o"), In($"lib{name}.so"));

            folder = Directory.CreateDirectory(folder).FullName;
            var written = new List<string>();
            foreach (var file in Directory.GetFiles(temporary).Order(StringComparer.Ordinal))
            {
                var target = Path.Combine(folder, Path.GetFileName(file));
                File.Copy(file, target + ".tmp", overwrite: true);
                File.Move(target + ".tmp", target, overwrite: true);
                written.Add(target);
            }

            return written;
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }

        string In(string file) => Path.Combine(temporary, file);
    }
}
