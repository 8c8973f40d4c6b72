namespace Lepton.Language.Text;

/// <summary>Text files that people keep: never half written.</summary>
public static class TextFile
{
    /// <summary>Writes a file whole or not at all: to a temporary name in its folder, which is then renamed.</summary>
    public static void Replace(string path, string text)
    {
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllText(temporary, text);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
