using SpadeCluster.Galleries;

namespace SpadeCluster.Cli.Output;

internal sealed record AddReport(string Category, int? Version, int Added, int Duplicates, IReadOnlyList<string> Problems, bool Calibrated,
    IReadOnlyList<NormalScoreRow>? HighestNormals, IReadOnlyList<SuspectRow> Suspects);

internal sealed record CompressReport(string Category, int Images, long BytesBefore, long BytesAfter);

internal sealed record VerifyReport(string Category, int Version, int Images, IReadOnlyList<string> Problems);
