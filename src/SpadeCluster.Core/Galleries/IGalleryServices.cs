namespace SpadeCluster.Galleries;

/// <summary>Gallery services on behalf of someone: every version records who made it.</summary>
public interface IGalleryServices
{
    IGalleryService For(string author);
}
