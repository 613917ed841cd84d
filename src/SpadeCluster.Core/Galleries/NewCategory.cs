using SpadeCluster.Features;

namespace SpadeCluster.Galleries;

/// <summary>What a new category is built with.</summary>
/// <param name="Sizes">Width and height of some of the photographs, from which the tiles are chosen; null: there are none.</param>
/// <param name="Copies">Copies of each normal; null: the engine's default. An existing category must have the same.</param>
public sealed record NewCategory(IReadOnlyList<(int Width, int Height)>? Sizes = null, Copies? Copies = null);
