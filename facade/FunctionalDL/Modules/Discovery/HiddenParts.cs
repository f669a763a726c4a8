using System.Reflection;

namespace FunctionalDL.Discovery;

/// <summary>
/// Looks for parts inside objects that are neither parts nor collections (a struct, a tuple, a user's helper
/// class): they have no name there, so they would be neither trained nor saved.
/// </summary>
internal static class HiddenParts
{
    /// <summary>More objects than this are not looked into.</summary>
    private const int Limit = 10_000;

    public static IEnumerable<object> In(object holder)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance) { holder };
        var pending = new Queue<object>([holder]);

        while (pending.TryDequeue(out var current) && seen.Count < Limit)
        {
            foreach (var value in ValuesIn(current))
            {
                if (!seen.Add(value))
                {
                    continue;
                }

                if (Members.IsPart(value))
                {
                    yield return value;
                }
                else
                {
                    pending.Enqueue(value);
                }
            }
        }
    }

    private static IEnumerable<object> ValuesIn(object current)
    {
        var type = current.GetType();

        if (!Members.MayHold(type))
        {
            return [];
        }

        if (current is Array array)
        {
            return array.OfType<object>();
        }

        // Of .NET's own classes only generic ones, such as Lazy<Linear>, hold what a user put there.
        return type.Namespace?.Split('.')[0] == nameof(System) && !type.IsGenericType ? [] : Fields(type, current);
    }

    private static IEnumerable<object> Fields(Type type, object current)
    {
        for (var t = type; t is not null && t != typeof(object); t = t.BaseType)
        {
            foreach (var field in t.GetFields(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                if (Members.MayHold(field.FieldType)
                    && !field.IsDefined(typeof(UnregisteredAttribute))
                    && field.GetValue(current) is { } value)
                {
                    yield return value;
                }
            }
        }
    }
}
