using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Lepton.Language.Text;

/// <summary>
/// Diagnostics as programs read them: an array, in order of place, of objects with <c>code severity message path line column endLine
/// endColumn labels help</c>. Lines and columns are from 1, the end is behind the last character; <c>help</c> is null where there is none.
/// </summary>
public static class DiagnosticJson
{
    public static string Print(IEnumerable<Diagnostic> diagnostics)
    {
        using var bytes = new MemoryStream();
        var options = new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };
        using (var json = new Utf8JsonWriter(bytes, options))
        {
            json.WriteStartArray();
            foreach (var diagnostic in DiagnosticPrinter.Sorted(diagnostics))
            {
                Write(json, diagnostic);
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private static void Write(Utf8JsonWriter json, Diagnostic diagnostic)
    {
        json.WriteStartObject();
        json.WriteString("code", diagnostic.Kind.Code);
        json.WriteString("severity", diagnostic.Kind.Severity == Severity.Error ? "error" : "warning");
        json.WriteString("message", diagnostic.Message);
        Place(json, diagnostic.Span);
        json.WriteStartArray("labels");
        foreach (var label in diagnostic.Labels)
        {
            json.WriteStartObject();
            json.WriteString("text", label.Text);
            Place(json, label.Span);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("help", diagnostic.Help);
        json.WriteEndObject();
    }

    private static void Place(Utf8JsonWriter json, SourceSpan span)
    {
        var (line, column) = span.StartPosition;
        var (endLine, endColumn) = span.Source.LineAndColumn(span.End);
        json.WriteString("path", span.Source.Path);
        json.WriteNumber("line", line);
        json.WriteNumber("column", column);
        json.WriteNumber("endLine", endLine);
        json.WriteNumber("endColumn", endColumn);
    }
}
