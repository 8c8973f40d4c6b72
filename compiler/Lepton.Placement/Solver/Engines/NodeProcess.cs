using System.Buffers.Binary;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Lepton.Placement.Solver.Engines;

/// <summary>A running Node with the solver in it, and the frames that engine.js describes.</summary>
internal sealed class NodeProcess : IDisposable
{
    // Enough for a reason, not for a log.
    private const int KeptLines = 8;
    private readonly Process _process;
    private readonly Queue<string> _lastLines = [];
    private volatile Action<string>? _log;
    private volatile ExceptionDispatchInfo? _logFailed;

    private NodeProcess(Process process)
    {
        _process = process;

        // A thread of its own: those of the pool may all be busy, and who hears of progress may want to cancel.
        var printed = process.StandardError;
        new Thread(() => Listen(printed)) { IsBackground = true, Name = "solver's log" }.Start();
    }

    public bool IsAlive => !_process.HasExited;

    /// <summary>The last things that it printed.</summary>
    public string LastLines
    {
        get
        {
            lock (_lastLines)
            {
                return string.Join(" | ", _lastLines);
            }
        }
    }

    /// <summary>Starts it; null with a reason where the operating system does not.</summary>
    public static NodeProcess? Start(NodePackage package, out string reason)
    {
        var start = new ProcessStartInfo(package.Node)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, CreateNoWindow = true,
        };
        foreach (var argument in new[] { "--eval", Script(), "--", package.Script, package.Binary })
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            reason = "";
            return new NodeProcess(Process.Start(start)!);
        }
        catch (Win32Exception e)
        {
            reason = $"{package.Node} does not start: {e.Message}";
            return null;
        }
    }

    /// <summary>One request, one frame of an answer.</summary>
    /// <exception cref="IOException">It is gone.</exception>
    public void Send(byte[] model, byte[] parameters, Action<string>? log)
    {
        _log = log;
        var stream = _process.StandardInput.BaseStream;
        foreach (var part in new[] { model, parameters })
        {
            var length = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)part.Length);
            stream.Write(length);
            stream.Write(part);
        }

        stream.Flush();
    }

    /// <summary>The next frame. Blocks until it is there or the process is gone.</summary>
    /// <exception cref="IOException">It is gone.</exception>
    /// <remarks>What the receiver of the log throws is thrown here.</remarks>
    public (byte Kind, byte[] Body) Receive()
    {
        var stream = _process.StandardOutput.BaseStream;
        var head = new byte[5];
        try
        {
            stream.ReadExactly(head);
        }
        catch (IOException) when (_logFailed is not null)
        {
            _logFailed.Throw();
        }

        var body = new byte[BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(1))];
        stream.ReadExactly(body);
        return (head[0], body);
    }

    /// <summary>Ends it at once: a running solve listens to nothing else, and an orderly exit takes seconds.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    public void Dispose()
    {
        Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static string Script()
    {
        using var reader = new StreamReader(typeof(NodeProcess).Assembly.GetManifestResourceStream("engine.js")!);
        return reader.ReadToEnd();
    }

    private void Listen(StreamReader printed)
    {
        using (printed)
        {
            try
            {
                while (printed.ReadLine() is { } line)
                {
                    Hear(line);
                }
            }
            catch (IOException)
            {
                // It is gone, which the answer's reader sees too.
            }
        }
    }

    private void Hear(string line)
    {
        lock (_lastLines)
        {
            _lastLines.Enqueue(line);
            if (_lastLines.Count > KeptLines)
            {
                _lastLines.Dequeue();
            }
        }

        try
        {
            _log?.Invoke(line);
        }
        catch (Exception e)
        {
            _logFailed ??= ExceptionDispatchInfo.Capture(e);
            Kill();
        }
    }
}
