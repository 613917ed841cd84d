using SpadeCluster.Galleries;

namespace SpadeCluster.Features;

/// <summary>The state of a server's engine, for operators.</summary>
public interface IEngineStatus
{
    /// <summary>The models with which new categories can be built.</summary>
    /// <exception cref="SpadeException">Unavailable: no extractor answers.</exception>
    ValueTask<IReadOnlyList<FeatureModel>> ListModelsAsync(CancellationToken cancellationToken = default);

    /// <summary>The extractors that are open in this process; empty where they run elsewhere.</summary>
    IReadOnlyList<ExtractorHealth> Extractors { get; }

    /// <summary>The gallery memory of this process; null where galleries are held elsewhere.</summary>
    GalleryMemory? Memory { get; }
}
