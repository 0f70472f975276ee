-- DecisionTreeClassifier, written by closedform
-- exact · 1 of 4 inputs · raw units · length 31.
-- In ClickHouse's SQL; missing is NULL.
WITH given AS (
    SELECT
        t."id",
        IF(isNaN(CAST(t."petal width (cm)" AS Nullable(Float64))), NULL, CAST(t."petal width (cm)" AS Nullable(Float64))) AS petal_width_cm
    FROM "data" t
), step_1 AS (
    SELECT
        "id",
        CASE
            WHEN petal_width_cm <= 0.8000000417232512 THEN 1.0
            WHEN petal_width_cm > 1.7500000596046448 THEN 0.0
            ELSE 0.0
        END AS tree_1,
        CASE
            WHEN petal_width_cm <= 0.8000000417232512 THEN 0.0
            WHEN petal_width_cm > 1.7500000596046448 THEN 0.021739130434782608
            ELSE 0.9074074074074074
        END AS p_1,
        CASE
            WHEN petal_width_cm <= 0.8000000417232512 THEN 0.0
            WHEN petal_width_cm > 1.7500000596046448 THEN 0.9782608695652174
            ELSE 0.09259259259259259
        END AS tree_2
    FROM given
), step_2 AS (
    SELECT
        "id", tree_1, p_1,
        CASE
            WHEN tree_1 >= p_1 AND tree_1 >= tree_2 THEN tree_1
            WHEN p_1 >= tree_1 AND p_1 >= tree_2 THEN p_1
            WHEN tree_2 >= tree_1 AND tree_2 >= p_1 THEN tree_2
        END AS v1
    FROM step_1
)
SELECT
    "id",
    CASE WHEN tree_1 = v1 THEN 0 WHEN p_1 = v1 THEN 1 ELSE 2 END AS "label",
    p_1 AS "P(1)"
FROM step_2
SETTINGS short_circuit_function_evaluation = 'disable'
