using System.Text.Json;
using SpadeCluster.Cli.Output;

namespace SpadeCluster.Cli.Evaluation.Paper;

/// <summary>Results on disk, a file for each, so that a run that was stopped continues where it was.</summary>
/// <param name="folder">Is created with the first result.</param>
internal sealed class PaperResults(string folder)
{
    /// <summary>The result of the same files and the same model; null: there is none.</summary>
    /// <exception cref="SpadeException">InvalidArgument: the file is not a result.</exception>
    public PaperResult? Find(string set, string category, string setting, string model, string modelDigest, string data)
    {
        string path = PathOf(set, category, model, setting);
        if (!File.Exists(path)) return null;
        try
        {
            var result = JsonSerializer.Deserialize(File.ReadAllBytes(path), CliJson.Default.PaperResult);
            return result is { } r && r.ModelDigest == modelDigest && r.Data == data ? r : null;
        }
        catch (JsonException e)
        {
            throw new SpadeException(SpadeError.InvalidArgument, $"{path} is not a result ({e.Message}): delete it to measure again", e);
        }
    }

    /// <summary>Writes a result; its file appears complete or not at all.</summary>
    public void Write(PaperResult result)
    {
        Directory.CreateDirectory(folder);
        AtomicFile.Write(PathOf(result.Set, result.Category, result.Model, result.Setting),
            JsonSerializer.SerializeToUtf8Bytes(result, CliJson.Default.PaperResult));
    }

    private string PathOf(params string[] parts)
        => Path.Combine(folder, string.Concat(string.Join('.', parts).Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'
            ? c : '_')) + ".json");
}
