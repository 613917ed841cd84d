using System.CommandLine;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade gallery region CATEGORY REGION</summary>
internal static class RegionCommand
{
    public const string What =
        "Inspect this part of the photographs: a mask image of their proportions, white inside; or a box x,y,width,height";

    private const string None = "none";

    public static Command Create()
    {
        var category = GalleryCommands.Category();
        var region = new Argument<string>("REGION") { Description = $"{What} in pixels of --photo; or '{None}': whole photographs." };
        var photo = new Option<string?>("--photo")
        {
            Description = "A photograph of the category, for boxes, which are in its pixels.",
            HelpName = "FILE"
        };
        var command = GalleryVersionCommands.Change("region",
            "Set the part of the photographs that is inspected, then calibrate: nothing outside is searched, scored or drawn.\n\n" +
            "Example: spade gallery region bottle mask.png --reason \"ignore the belt\"",
            category, region, (service, parsed, reason, stop) =>
            {
                string text = parsed.GetRequiredValue(region);
                return service.SetRegionAsync(parsed.GetRequiredValue(category), text == None ? null : Mask(text, parsed.GetValue(photo)),
                    reason, stop);
            });
        command.Add(photo);
        return command;
    }

    /// <summary>The mask of a region as given on the command line.</summary>
    /// <param name="photo">The photograph that gives a box its size.</param>
    /// <exception cref="SpadeException">InvalidArgument: a box without a photograph, or outside it.</exception>
    public static ImageSource Mask(string region, string? photo)
    {
        if (!BoxMask.IsBox(region)) return Files.Source(region);
        if (photo is null)
            throw new SpadeException(SpadeError.InvalidArgument, "a box is in pixels of photographs: name one of them with --photo");
        var image = ImageReader.Default.ReadFile(photo);
        return new ImageSource(region, BoxMask.Encode(region, image.Width, image.Height));
    }
}
