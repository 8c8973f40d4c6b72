namespace Lepton.Runtime.Files;

/// <summary>A tensor file that cannot be read or written.</summary>
public sealed class TensorFileException : LeptonException
{
    /// <summary>Makes the exception.</summary>
    /// <param name="file">The file's name.</param>
    /// <param name="problem">What is wrong.</param>
    /// <param name="mend">What to do about it.</param>
    /// <param name="inner">The cause, where there is another.</param>
    public TensorFileException(string file, string problem, string mend, Exception? inner = null)
        : base($"{file}: {problem}; {mend}", inner)
    {
        (File, Problem, Mend) = (file, problem, mend);
    }

    /// <summary>The file's name.</summary>
    public string File { get; }

    /// <summary>What is wrong.</summary>
    public string Problem { get; }

    /// <summary>What to do about it.</summary>
    public string Mend { get; }
}
