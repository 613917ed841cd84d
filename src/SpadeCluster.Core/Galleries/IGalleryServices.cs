namespace SpadeCluster.Galleries;

/// <summary>Gallery services for a given author, who is recorded in every version.</summary>
public interface IGalleryServices
{
    IGalleryService For(string author);
}
