using SpadeCluster.Scoring;

namespace SpadeCluster.Client;

/// <summary>An image's place in a batch and what became of it: exactly one of score and error is set.</summary>
public sealed record RemoteScore(int Index, string Name, ImageScore? Score, SpadeException? Error);

/// <summary>A score with its map.</summary>
/// <param name="Map">[y][x], smoothed squared distance, in the model's input size; null where the image was not localised.</param>
public sealed record RemoteMap(ImageScore Score, int Width, int Height, float[]? Map);
