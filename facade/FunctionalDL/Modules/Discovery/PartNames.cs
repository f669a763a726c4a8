using System.Text;

namespace FunctionalDL.Discovery;

/// <summary>What parts of a module are called.</summary>
internal static class PartNames
{
    /// <summary>
    /// PyTorch's name for a member: <c>_fc1</c>, <c>fc1</c> and <c>Fc1</c> are <c>fc1</c>; <c>RunningMean</c>
    /// is <c>running_mean</c>; <c>HTTPHead</c> is <c>http_head</c>.
    /// </summary>
    public static string Of(string member)
    {
        var name = member.TrimStart('_');
        var text = new StringBuilder();

        for (var i = 0; i < name.Length; i++)
        {
            var startsWord =
                i > 0 && char.IsUpper(name[i]) && name[i - 1] != '_'
                && (!char.IsUpper(name[i - 1]) || (i + 1 < name.Length && char.IsLower(name[i + 1])));

            text.Append(startsWord ? "_" : "").Append(char.ToLowerInvariant(name[i]));
        }

        return text.Length == 0 ? member : text.ToString();
    }

    /// <summary>Refuses a name that no path can have.</summary>
    public static void Require(string name)
    {
        if (string.IsNullOrEmpty(name) || name.Contains('.'))
        {
            throw new ArgumentException(
                $"'{name}' cannot be the name of a part: it needs at least one character, and dots separate parts",
                nameof(name));
        }
    }
}
