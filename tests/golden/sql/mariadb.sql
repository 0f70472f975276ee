-- DecisionTreeClassifier, written by closedform
-- exact · 1 of 4 inputs · raw units · length 31.
-- In MariaDB's SQL; missing is NULL.
WITH given AS (
    SELECT
        t.`id`,
        CAST(t.`petal width (cm)` AS DOUBLE) AS petal_width_cm
    FROM `data` t
), step_1 AS (
    SELECT
        `id`,
        CASE
            WHEN petal_width_cm <= 0.8000000417232512e0 THEN 1.0e0
            WHEN petal_width_cm > 1.7500000596046448e0 THEN 0.0e0
            ELSE 0.0e0
        END AS tree_1,
        CASE
            WHEN petal_width_cm <= 0.8000000417232512e0 THEN 0.0e0
            WHEN petal_width_cm > 1.7500000596046448e0 THEN 0.021739130434782608e0
            ELSE 0.9074074074074074e0
        END AS p_1,
        CASE
            WHEN petal_width_cm <= 0.8000000417232512e0 THEN 0.0e0
            WHEN petal_width_cm > 1.7500000596046448e0 THEN 0.9782608695652174e0
            ELSE 0.09259259259259259e0
        END AS tree_2
    FROM given
    LIMIT 18446744073709551615
), step_2 AS (
    SELECT
        `id`, tree_1, p_1,
        GREATEST(tree_1, p_1, tree_2) AS v1
    FROM step_1
    LIMIT 18446744073709551615
)
SELECT
    `id`,
    CASE WHEN tree_1 = v1 THEN 0 WHEN p_1 = v1 THEN 1 ELSE 2 END AS `label`,
    p_1 AS `P(1)`
FROM step_2
