using SpadeCluster.Scoring;

namespace SpadeCluster.Cli.Bench;

/// <summary>The output of 'bench large --json': medians over rounds, with their range.</summary>
/// <param name="Threads">As the option --threads.</param>
/// <param name="Tiles">Tiles of a photograph, without the whole one, which is searched as well.</param>
/// <param name="GalleryK">Normals that each tile is searched in: all of them.</param>
/// <param name="PassMs">A forward pass of the network alone, with the session of the product.</param>
/// <param name="Disk">The gallery's files.</param>
/// <param name="Memory">The features of its normals in memory.</param>
internal sealed record LargeResult(string Model, string Processor, int Threads, int Tiles, int GalleryK, int Rounds, Spread PassMs,
    IReadOnlyList<LargePhotograph> Photographs, PredictedBytes Disk, PredictedBytes Memory);

/// <summary>Photographs of 12 megapixels in one file format.</summary>
/// <param name="Megabytes">Median of the files' sizes.</param>
/// <param name="TileMs">A photograph that shows what one tile shows, against a gallery of such photographs.</param>
/// <param name="PerPasses">Time of a photograph divided by that of as many forward passes as it has tiles, in each round.</param>
/// <param name="PerTiles">The same for as many photographs of one tile.</param>
/// <param name="Stages">Median milliseconds of each stage of a large photograph.</param>
internal sealed record LargePhotograph(string Format, double Megabytes, Spread TileMs, Spread PhotographMs, Spread PerPasses,
    Spread PerTiles, StageTimes Stages);

internal sealed record PredictedBytes(long Predicted, long Actual)
{
    public double Ratio => (double)Predicted / Actual;
}
