using System.CommandLine;
using System.CommandLine.Help;
using System.Text;
using Lepton.Codegen.Llvm;
using Lepton.CommandLine.Commands;
using Lepton.Compiler.Scheduling;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Runtime;
using Lepton.Runtime.Files;

namespace Lepton.CommandLine;

/// <summary>Exit codes: 0 good, 1 the program or its input is wrong, 2 the command line is wrong, 3 our bug.</summary>
public static class Program
{
    public const int Wrong = 1;
    public const int Usage = 2;
    public const int Bug = 3;

    public static int Main(string[] arguments)
    {
        var root = new RootCommand("leptonc: the compiler of Lepton, a small declarative tensor language.\nStart with: leptonc run FILE.lep")
        {
            CheckCommand.Make(),
            RunCommand.Make(),
            BenchCommand.Make(),
            ProfileCommand.Make(),
            TuneCommand.Make(),
            PlaceCommand.Make(),
            BuildCommand.Make(),
            ExplainCommand.Make(),
            EmitCommand.Make(),
            FmtCommand.Make(),
            Calibration.CalibrateCommand.Make(),
            DoctorCommand.Make(),
        };
        root.Options.OfType<HelpOption>().Single().Action = new HelpAction { MaxWidth = ErrorText.Width };
        if (arguments is [] or ["help"])
        {
            root.Parse("--help").Invoke();
            return arguments.Length == 0 ? Usage : 0;
        }

        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in UsageErrors.Of(parsed))
            {
                Console.Error.WriteLine(ErrorText.Wrapped(error));
            }

            var command = parsed.CommandResult.Command;
            Console.Error.WriteLine($"see: leptonc {(command == root ? "" : command.Name + " ")}--help");
            return Usage;
        }

        // A file name or a number may come out as it went in, whatever the locale.
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        return Guarded(() => parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false }));
    }

    private static int Guarded(Func<int> run)
    {
        try
        {
            return run();
        }
        catch (UsageException e)
        {
            Console.Error.WriteLine(ErrorText.Wrapped(e.Message));
            return Usage;
        }
        catch (ScheduleException e)
        {
            Source.Print(e.Diagnostics);
            return Wrong;
        }
        catch (LeptonCompileException e)
        {
            Source.Print(e.Diagnostics);
            return Wrong;
        }
        catch (Exception e) when (e is UserException or LeptonException or TensorFileException or LlvmMissingException or GraphRunException)
        {
            if (e.Message.Length > 0)
            {
                Console.Error.WriteLine(ErrorText.Wrapped(e.Message));
            }

            return Wrong;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"error: {e.Message}");
            return Wrong;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("cancelled");
            return Wrong;
        }
        catch (Exception e)
        {
            return ReportBug(e);
        }
    }

    // Everything that helps to find it goes to a file; the message stays short.
    private static int ReportBug(Exception e)
    {
        Console.Error.WriteLine($"internal error: {e.Message.Split('\n')[0]}");
        try
        {
            var path = Path.Combine(Path.GetTempPath(), $"lepton-bug-{Environment.ProcessId}.txt");
            File.WriteAllText(path, $"leptonc {string.Join(' ', Environment.GetCommandLineArgs().Skip(1))}\n\n{LastGraph.Text}\n\n{e}\n");
            Console.Error.WriteLine($"this is a bug of leptonc, not of your program; details: {path}");
        }
        catch (IOException)
        {
            Console.Error.WriteLine(e.ToString());
        }

        return Bug;
    }
}

/// <summary>The user's program or input is wrong; the message says how. Empty when it has been printed already.</summary>
public sealed class UserException(string message) : Exception(message);

/// <summary>The command line is wrong.</summary>
public sealed class UsageException(string message) : Exception(message);

/// <summary>The graph that a pass got last, for the report of a bug.</summary>
internal static class LastGraph
{
    private static Graph? _graph;

    public static string Text => _graph is null ? "" : GraphText.Print(_graph);

    public static void Set(Graph graph) => _graph = graph;
}
