using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using SpadeCluster.Imaging;
using SpadeCluster.Server.Decisions;
using SpadeCluster.Server.Hosting;

namespace SpadeCluster.Server.Deliveries;

/// <summary>A decision as it is sent: a CloudEvents 1.0 event in JSON, whose data is the decision as /v1/results/ID has it.</summary>
/// <param name="Id">Destination and decision: the same for every try, so that a receiver can drop repeats.</param>
/// <param name="Subject">Line and category.</param>
internal sealed record DecisionEvent(
    [property: JsonPropertyName("specversion")] string SpecVersion, string Id, string Source, string Type, DateTimeOffset Time,
    string Subject, [property: JsonPropertyName("datacontenttype")] string ContentType, JsonObject Data)
{
    public const string MediaType = "application/cloudevents+json";

    public static string IdOf(string destination, long decision) =>
        string.Create(CultureInfo.InvariantCulture, $"{destination}-{decision}");

    public static DecisionEvent Of(Decision decision, Destination destination, DecisionPictures pictures)
    {
        // Without feedback and a shadow's score, which may come between two tries.
        var data = JsonSerializer.SerializeToNode(decision with { Feedback = null, Shadow = null }, ServerJson.Options)!.AsObject();
        if (destination.Picture != DeliveredPicture.None) data["picture"] = Picture(decision, destination.Picture, pictures);
        return new("1.0", IdOf(destination.Name, decision.Id), "/spade", "spade.decision", decision.Time,
            $"{decision.Line}/{decision.Score.Category}", "application/json", data);
    }

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ServerJson.Options);

    private static JsonObject? Picture(Decision decision, DeliveredPicture kind, DecisionPictures pictures)
    {
        try
        {
            byte[] bytes = kind switch
            {
                DeliveredPicture.Map => PngEncoder.Encode(pictures.Map(decision)),
                DeliveredPicture.Overlay => PngEncoder.Encode(pictures.Overlay(decision)),
                _ => pictures.Photograph(decision),
            };
            return new JsonObject
            {
                ["kind"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString()),
                ["media_type"] = kind == DeliveredPicture.Photograph ? "image/jpeg" : "image/png",
                ["base64"] = Convert.ToBase64String(bytes),
            };
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            // Not kept, or no longer: the decision itself is still worth sending.
            return null;
        }
    }
}
