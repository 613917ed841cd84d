using SpadeCluster.Galleries;

namespace SpadeCluster.Features;

/// <summary>What an operator can learn of the engine behind a server.</summary>
public interface IEngineStatus
{
    /// <summary>The models that new categories can be built with.</summary>
    /// <exception cref="SpadeException">Unavailable: no extractor answers.</exception>
    ValueTask<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken = default);

    /// <summary>The extractors that are open in this process; empty where they run elsewhere.</summary>
    IReadOnlyList<ExtractorHealth> Extractors { get; }

    /// <summary>The gallery memory of this process; null where galleries are held elsewhere.</summary>
    GalleryMemory? Memory { get; }
}
