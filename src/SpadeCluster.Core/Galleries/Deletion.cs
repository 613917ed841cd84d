using System.Globalization;

namespace SpadeCluster.Galleries;

/// <summary>Marks a version that ends a category: it has no images, and the version before it is what an undeletion restores.</summary>
/// <param name="Until">When the data may be removed (UTC).</param>
/// <param name="RenamedTo">The category's new name, if it was renamed; its data is there, so there is nothing to restore.</param>
public sealed record Deletion(DateTimeOffset Until, string? RenamedTo = null)
{
    /// <summary>How long the data of a deleted category stays, unless a setting says otherwise.</summary>
    public static readonly TimeSpan DefaultKeep = TimeSpan.FromDays(7);

    /// <summary>The error for requests that name a deleted or renamed category.</summary>
    public static SpadeException Refuse(GalleryManifest m) => new(SpadeError.NotFound, m.Deletion is { RenamedTo: { } name }
        ? $"category '{m.Category}' has been renamed to '{name}': use that name"
        : m.Deletion!.Until <= m.CreatedAt ? $"no category '{m.Category}': {m.CreatedBy} deleted it with its data"
        : $"category '{m.Category}' was deleted by {m.CreatedBy}; it can be restored until {Text(m.Deletion.Until)}, in the console "
        + $"or with 'spade gallery undelete {m.Category}'");

    internal static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}

/// <summary>A deleted category whose data is still there.</summary>
/// <param name="Images">Normals that an undeletion restores.</param>
/// <param name="Until">Until when it can be restored (UTC); afterwards its data is removed.</param>
public sealed record DeletedCategory(string Category, int Images, DateTimeOffset DeletedAt, string DeletedBy, string Reason,
    DateTimeOffset Until)
{
    /// <param name="deleted">The version that deletes the category.</param>
    public static DeletedCategory Of(GalleryManifest deleted, int images)
        => new(deleted.Category, images, deleted.CreatedAt, deleted.CreatedBy, deleted.Reason, deleted.Deletion!.Until);
}
