using Microsoft.AspNetCore.Http;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Security;

namespace SpadeCluster.Server.Galleries;

/// <summary>/v1/galleries/CATEGORY/region: the part of the photographs that is inspected.</summary>
internal static class RegionEndpoint
{
    public static async Task<IResult> GetAsync(string category, HttpContext context, IGalleryServices services)
    {
        var current = await GalleryEndpoints.For(context, services, category).GetAsync(category, context.RequestAborted);
        return current.Region is { } region ? Results.Bytes(region.Mask, "application/octet-stream")
            : throw new SpadeException(SpadeError.NotFound, $"category '{category}' has no region: whole photographs are inspected");
    }

    public static async Task<IResult> PutAsync(string category, string? reason, string? box, string? photo, string? name,
        HttpContext context, IGalleryServices services, AuditLog audit, Recalibration recalibration)
    {
        ImageSource mask;
        if (box is null)
        {
            // One byte more than the limit, so that a larger body is refused and not truncated.
            var body = new byte[Region.MaxMaskBytes + 1];
            int length = await context.Request.Body.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, context.RequestAborted);
            mask = new ImageSource(name ?? "mask", body[..length]);
        }
        else
        {
            mask = new ImageSource(box, BoxMask.Encode(box, photo ?? throw new SpadeException(SpadeError.InvalidArgument,
                "a box is in pixels of photographs: give their size with photo=WIDTHxHEIGHT")));
        }
        return await SetAsync(category, mask, reason, context, services, audit, recalibration);
    }

    public static Task<IResult> DeleteAsync(string category, string? reason, HttpContext context, IGalleryServices services, AuditLog audit,
        Recalibration recalibration) => SetAsync(category, null, reason, context, services, audit, recalibration);

    private static Task<IResult> SetAsync(string category, ImageSource? mask, string? reason, HttpContext context,
        IGalleryServices services, AuditLog audit, Recalibration recalibration)
    {
        string why = GalleryEndpoints.Reason(reason);
        return GalleryEndpoints.ChangeAsync(category, "region", $"{mask?.Name ?? "none"}: {why}", context, services, audit, recalibration,
            (g, stop) => g.SetRegionAsync(category, mask, why, stop));
    }
}
