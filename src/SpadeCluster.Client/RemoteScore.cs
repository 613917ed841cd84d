using SpadeCluster.Scoring;

namespace SpadeCluster.Client;

/// <summary>The outcome for an image of a batch: either a score or an error.</summary>
public sealed record RemoteScore(int Index, string Name, ImageScore? Score, SpadeException? Error);

/// <summary>A score with its map.</summary>
/// <param name="Map">[y][x], smoothed squared distance, in the model's input size; null where the image was not localised.</param>
public sealed record RemoteMap(ImageScore Score, int Width, int Height, float[]? Map);
